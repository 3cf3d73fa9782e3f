import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseNameAddr, parseVia } from './header-values.js';
import { getHeader, getHeaderList, getHeaders } from './headers.js';
import type { ParsedSip } from './message.js';
import { type ParseFault, parseSip } from './parser.js';
import { serialize } from './serializer.js';
import { parseUri } from './uri.js';

// The torture messages of RFC 4475; expectations are read off the messages and the RFC's text beside each of them.
const vectors = new URL('../../../../shared/vectors/rfc4475/', import.meta.url);
const present = existsSync(vectors);
if (!present) process.stdout.write(`RFC 4475 tests are skipped: no messages in ${fileURLToPath(vectors)}\n`);

const bytesOf = (name: string): Buffer => readFileSync(new URL(`${name}.dat`, vectors));

const parsed = (name: string): ParsedSip => {
  const result = parseSip(bytesOf(name));
  if (!result.ok) throw new Error(`${name} was refused: ${result.reason}`);
  return result.parsed;
};

const refused = (name: string): ParseFault => {
  const result = parseSip(bytesOf(name));
  if (result.ok) throw new Error(`${name} was accepted`);
  return result;
};

const requestLine = (p: ParsedSip): string =>
  p.message.kind === 'request' ? `${p.message.method} ${p.message.uri}` : `${p.message.status} ${p.message.reason}`;

const maps = (params: ReadonlyMap<string, string>): Record<string, string> => Object.fromEntries(params);

type Expected = {
  start: string;
  via: [transport: string, host: string, port: number | undefined, branch: string | undefined];
  vias: number;
  callId: string;
  cseq: [number: number, method: string];
  from: [display: string, uri: string, tag: string];
  to: [display: string, uri: string, tag: string];
  body: number;
};

const oddMethod = "!interesting-Method0123456789_*+`.%indeed'~";
const long = (word: string, times: number): string => word.repeat(times);

const valid: Record<string, Expected> = {
  wsinv: {
    start: 'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam',
    via: ['UDP', '192.0.2.2', undefined, '390skdjuw'],
    vias: 3,
    callId: 'wsinv.ndaksdj@192.0.2.1',
    cseq: [9, 'INVITE'],
    from: ['J Rosenberg \\"', 'sip:jdrosen@example.com', '98asjd8'],
    to: ['', 'sip:vivekg@chair-dnrc.example.com', '1918181833n'],
    body: 150,
  },
  intmeth: {
    start: `${oddMethod} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com`,
    via: ['TCP', 'host1.example.com', undefined, "z9hG4bK-.!%66*_+`'~"],
    vias: 1,
    callId: 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
    cseq: [139122385, oddMethod],
    from: ["token1~` token2'+_ token3*%!.-", 'sip:mundane@example.com', "_token~1'+`*%!-."],
    to: ['BEL:\u0007 NUL:\u0000 DEL:\u007f', "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com", ''],
    body: 0,
  },
  esc01: {
    start: 'INVITE sip:sips%3Auser%40example.com@example.net',
    via: ['UDP', 'host5.example.net', undefined, 'z9hG4bKkdjuw'],
    vias: 1,
    callId: 'esc01.239409asdfakjkn23onasd0-3234',
    cseq: [234234, 'INVITE'],
    from: ['', 'sip:I%20have%20spaces@example.net', '938'],
    to: ['', 'sip:%75se%72@example.com', ''],
    body: 150,
  },
  escnull: {
    start: 'REGISTER sip:example.com',
    via: ['UDP', 'host5.example.com', undefined, 'z9hG4bKkdjuw'],
    vias: 1,
    callId: 'escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd',
    cseq: [14398234, 'REGISTER'],
    from: ['', 'sip:null-%00-null@example.com', '839923423'],
    to: ['', 'sip:null-%00-null@example.com', ''],
    body: 0,
  },
  esc02: {
    start: 'RE%47IST%45R sip:registrar.example.com',
    via: ['TCP', 'host.example.com', undefined, 'z9hG4bK209%fzsnel234'],
    vias: 1,
    callId: 'esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf',
    cseq: [29344, 'RE%47IST%45R'],
    from: ['%Z%45', 'sip:resource@example.com', 'f232jadfj23'],
    to: ['%Z%45', 'sip:resource@example.com', ''],
    body: 0,
  },
  lwsdisp: {
    start: 'OPTIONS sip:user@example.com',
    via: ['UDP', 'funky.example.com', undefined, 'z9hG4bKkdjuw'],
    vias: 1,
    callId: 'lwsdisp.1234abcd@funky.example.com',
    cseq: [60, 'OPTIONS'],
    from: ['caller', 'sip:caller@example.com', '323'],
    to: ['', 'sip:user@example.com', ''],
    body: 0,
  },
  longreq: {
    start: 'INVITE sip:user@example.com',
    via: ['TCP', 'sip33.example.com', undefined, undefined],
    vias: 34,
    callId: `longreq.one${long('really', 20)}longcallid`,
    cseq: [3882340, 'INVITE'],
    from: ['', `sip:${long('amazinglylongcallername', 5)}@example.net`, `1${long('298', 50)}2424`],
    to: [
      `I have a user name of ${long('extreme', 10)} proportion`,
      `sip:user@example.com:6000;unknownparam1=very${long('long', 20)}value;longparam${long('name', 25)}=shortvalue;very${long('long', 25)}ParameterNameWithNoValue`,
      '',
    ],
    body: 150,
  },
  dblreq: {
    start: 'REGISTER sip:example.com',
    via: ['UDP', '192.0.2.125', undefined, 'z9hG4bKkdjuw23492'],
    vias: 1,
    callId: 'dblreq.0ha0isndaksdj99sdfafnl3lk233412',
    cseq: [8, 'REGISTER'],
    from: ['', 'sip:j.user@example.com', '43251j3j324'],
    to: ['', 'sip:j.user@example.com', ''],
    body: 0,
  },
  semiuri: {
    start: 'OPTIONS sip:user;par=u%40example.net@example.com',
    via: ['UDP', '192.0.2.1', undefined, 'z9hG4bKkdjuw'],
    vias: 1,
    callId: 'semiuri.0ha0isndaksdj',
    cseq: [8, 'OPTIONS'],
    from: ['', 'sip:caller@example.org', '33242'],
    to: ['', 'sip:j_user@example.com', ''],
    body: 0,
  },
  transports: {
    start: 'OPTIONS sip:user@example.com',
    via: ['UDP', 't1.example.com', undefined, 'z9hG4bKkdjuw'],
    vias: 5,
    callId: 'transports.kijh4akdnaqjkwendsasfdj',
    cseq: [60, 'OPTIONS'],
    from: ['', 'sip:caller@example.com', '323'],
    to: ['', 'sip:user@example.com', ''],
    body: 0,
  },
  mpart01: {
    start: 'MESSAGE sip:kumiko@example.org',
    via: ['UDP', '127.0.0.1', 5070, 'z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-'],
    vias: 1,
    callId: '3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..',
    cseq: [1, 'MESSAGE'],
    from: ['', 'sip:fluffy@example.com', '2fb0dcc9'],
    to: ['', 'sip:kumiko@example.org', ''],
    body: 553,
  },
  unreason: {
    start: '200 = 2**3 * 5**2 но сто девяносто девять - простое',
    via: ['UDP', '192.0.2.198', undefined, 'z9hG4bK1324923'],
    vias: 1,
    callId: 'unreason.1234ksdfak3j2erwedfsASdf',
    cseq: [35, 'INVITE'],
    from: ['', 'sip:user@example.com', '11141343'],
    to: ['', 'sip:user@example.edu', '2229'],
    body: 154,
  },
  noreason: {
    start: '100 ',
    via: ['UDP', '192.0.2.105', undefined, 'z9hG4bK2398ndaoe'],
    vias: 1,
    callId: 'noreason.asndj203insdf99223ndf',
    cseq: [35, 'INVITE'],
    from: ['', 'sip:user@example.com', '39ansfi3'],
    to: ['', 'sip:user@example.edu', '902jndnke3'],
    body: 0,
  },
};

const expectFields = (p: ParsedSip, expected: Expected): void => {
  expect(requestLine(p)).toBe(expected.start);
  expect([p.via.transport, p.via.host, p.via.port, p.via.params.get('branch')]).toEqual(expected.via);
  expect(getHeaderList(p.message, 'Via')).toHaveLength(expected.vias);
  expect(p.callId).toBe(expected.callId);
  expect([p.cseq.number, p.cseq.method]).toEqual(expected.cseq);
  expect([p.from.display, p.from.uri, p.fromTag]).toEqual(expected.from);
  expect([p.to.display, p.to.uri, p.toTag]).toEqual(expected.to);
  expect(p.message.body).toHaveLength(expected.body);
};

describe.skipIf(!present)('RFC 4475 3.1.1: valid messages have the right fields', () => {
  it.each(Object.entries(valid))('%s', (name, expected) => {
    expectFields(parsed(name), expected);
  });

  it.each(Object.entries(valid))('%s comes out the same when written and read again', (name, expected) => {
    const first = parsed(name);
    const again = parseSip(serialize(first.message));
    if (!again.ok) throw new Error(again.reason);
    expectFields(again.parsed, expected);
    expect(again.parsed.message.body.equals(first.message.body)).toBe(true);
  });

  it('wsinv: folded, spaced and listed values are read for what they say', () => {
    const { message } = parsed('wsinv');
    expect(getHeader(message, 'Max-Forwards')).toBe('0068');
    expect(getHeader(message, 'Subject')).toBe('');
    expect(getHeader(message, 'NewFangledHeader')).toBe('newfangled value continued newfangled value');
    expect(getHeader(message, 'UnknownHeaderWithUnusualValue')).toBe(';;,,;;,;');
    const [, second, third] = getHeaderList(message, 'Via').map((value) => parseVia(value));
    expect([second?.transport, second?.host, second?.params.get('branch')]).toEqual([
      'TCP',
      'spindle.example.com',
      'z9hG4bK9ikj8',
    ]);
    expect([third?.transport, third?.host, third?.params.get('branch')]).toEqual([
      'UDP',
      '192.168.255.111',
      'z9hG4bK30239',
    ]);
    const contact = parseNameAddr(getHeader(message, 'Contact') ?? '');
    expect(contact?.display).toBe('Quoted string ""');
    expect(maps(contact?.params ?? new Map())).toEqual({ newparam: 'newvalue', secondparam: '', q: '0.33' });
    const route = parseUri(parseNameAddr(getHeader(message, 'Route') ?? '')?.uri ?? '');
    expect(maps(route?.params ?? new Map())).toEqual({ lr: '', unknownwith: 'value', 'unknown-no-value': '' });
  });

  it('intmeth: an odd header name, a BOM and a quoted UTF-8 parameter survive', () => {
    const { message, from } = parsed('intmeth');
    expect(getHeader(message, "extensionHeader-!.%*+_`'~")).toBe('\ufeff大停電');
    expect(from.params.get("fromparam''~+*_!.-%")).toBe('"работающий"');
    const uri = parseUri(message.kind === 'request' ? message.uri : '');
    expect(uri?.user).toBe("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    expect(uri?.password).toBe("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    expect(uri?.host).toBe('example.com');
  });

  it('esc01: escapes of ordinary characters compare equal, escapes that matter stay escaped', () => {
    const { message, to } = parsed('esc01');
    expect(parseUri(message.kind === 'request' ? message.uri : '')).toMatchObject({
      scheme: 'sip',
      user: 'sips%3Auser%40example.com',
      host: 'example.net',
    });
    expect(parseUri(to.uri)?.user).toBe('user');
    const contact = parseUri(parseNameAddr(getHeader(message, 'Contact') ?? '')?.uri ?? '');
    expect(contact?.user).toBe('caller');
    expect(maps(contact?.params ?? new Map())).toEqual({ lr: '', name: 'value%2541' });
  });

  it('escnull: escaped NUL is not decoded', () => {
    const users = getHeaders(parsed('escnull').message, 'Contact').map(
      (c) => parseUri(parseNameAddr(c)?.uri ?? '')?.user,
    );
    expect(users).toEqual(['%00', '%00%00']);
  });

  it('esc02: an escaped method is another method and an escaped header name another header', () => {
    const { message } = parsed('esc02');
    expect(getHeaders(message, 'Contact')).toEqual([
      '<sip:alias1@host1.example.com>',
      '<sip:alias3@host3.example.com>',
    ]);
    expect(getHeader(message, 'C%6Fntact')).toBe('<sip:alias2@host2.example.com>');
  });

  it('transports: every transport of the Via values is kept', () => {
    const { message } = parsed('transports');
    expect(getHeaderList(message, 'Via').map((v) => parseVia(v)?.transport)).toEqual([
      'UDP',
      'SCTP',
      'TLS',
      'UNKNOWN',
      'TCP',
    ]);
  });

  it('semiuri: semicolons before the @ belong to the user', () => {
    const { message } = parsed('semiuri');
    expect(parseUri(message.kind === 'request' ? message.uri : '')).toMatchObject({
      user: 'user;par=u%40example.net',
      host: 'example.com',
    });
  });

  it('mpart01: a binary body arrives byte for byte', () => {
    const raw = bytesOf('mpart01');
    expect(parsed('mpart01').message.body.equals(raw.subarray(raw.length - 553))).toBe(true);
  });
});

describe.skipIf(!present)('RFC 4475 3.1.2 and 3.3: messages that must not be processed', () => {
  const answers: [name: string, status: number | undefined, reason: string][] = [
    ['badinv01', 400, 'Via is malformed'],
    ['clerr', 400, 'body is shorter than Content-Length'],
    ['ncl', 400, 'Content-Length is not a number'],
    ['scalar02', 400, 'CSeq is malformed or not below 2**31'],
    ['scalarlg', undefined, 'CSeq is malformed or not below 2**31'],
    ['quotbal', 400, 'To is malformed'],
    ['ltgtruri', 400, 'Request-URI is malformed'],
    ['lwsruri', 400, 'Request-URI is malformed'],
    ['lwsstart', 400, 'Request-URI is malformed'],
    ['trws', 400, 'whitespace after the SIP version'],
    ['escruri', 400, 'Request-URI has header fields'],
    ['regbadct', 400, 'Contact is malformed'],
    ['badaspec', 400, 'To is malformed'],
    ['baddn', 400, 'From is malformed'],
    ['badvers', 505, 'SIP version is not 2.0'],
    ['mismatch01', 400, 'CSeq names another method than the request line'],
    ['mismatch02', 501, 'CSeq names another method than the request line'],
    ['bigcode', undefined, 'status code is not between 100 and 699'],
    ['insuf', 400, 'From is missing'],
    ['multi01', 400, 'header field that may stand once is there twice'],
    ['mcl01', 400, 'header field that may stand once is there twice'],
  ];

  it.each(answers)('%s is answered with %s: %s', (name, status, reason) => {
    const fault = refused(name);
    expect([fault.status, fault.reason]).toEqual([status, reason]);
  });

  it.each(answers.filter(([, status]) => status !== undefined).map(([name]) => name))(
    '%s leaves enough to answer',
    (name) => {
      const { partial } = refused(name);
      expect(partial?.kind).toBe('request');
      const missing = name === 'insuf' ? ['From', 'To', 'Call-ID'] : [];
      for (const field of ['Via', 'From', 'To', 'Call-ID', 'CSeq'].filter((f) => !missing.includes(f))) {
        expect(getHeader(partial ?? { headers: [] }, field), field).toBeDefined();
      }
    },
  );

  it('ncl and clerr are refused on a stream too', () => {
    const options = {
      framing: 'stream' as const,
      limits: { maxMessageBytes: 65_535, maxHeaderCount: 256, maxHeaderBytes: 49_152 },
    };
    expect(parseSip(bytesOf('ncl'), options)).toMatchObject({ ok: false, status: 400 });
    expect(parseSip(bytesOf('clerr'), options)).toMatchObject({ ok: false, status: 400 });
  });
});

describe.skipIf(!present)('RFC 4475 3.2 to 3.4: messages for the layers above', () => {
  it.each(
    'baddate badbranch unkscm novelsc unksm2 bext01 invut regaut01 bcast zeromf cparam01 cparam02 regescrt sdp01 inv2543'.split(
      ' ',
    ),
  )('%s is parsed', (name) => {
    expect(parseSip(bytesOf(name)).ok).toBe(true);
  });

  it('unkscm and novelsc keep their Request-URI for a 416', () => {
    expect(requestLine(parsed('unkscm'))).toBe('OPTIONS nobodyKnowsThisScheme:totallyopaquecontent');
    expect(parseUri('nobodyKnowsThisScheme:totallyopaquecontent')?.scheme).toBe('nobodyknowsthisscheme');
    expect(requestLine(parsed('novelsc'))).toBe('OPTIONS soap.beep://192.0.2.103:3002');
  });

  it('unksm2: other schemes in To, From and Contact', () => {
    const p = parsed('unksm2');
    expect([p.to.uri, p.from.uri]).toEqual(['isbn:2983792873', 'http://www.example.com']);
  });

  it('badbranch: the bare magic cookie is visible as such', () => {
    expect(parsed('badbranch').via.params.get('branch')).toBe('z9hG4bK');
  });

  it('bcast: a response with two Via values shows both', () => {
    expect(getHeaderList(parsed('bcast').message, 'Via')).toHaveLength(2);
  });

  it('inv2543: no branch, no From tag, no Max-Forwards, no Content-Length; the body ends with the datagram', () => {
    const p = parsed('inv2543');
    expect([p.via.params.has('branch'), p.fromTag, getHeader(p.message, 'Max-Forwards')]).toEqual([
      false,
      '',
      undefined,
    ]);
    expect(p.message.body.toString().endsWith('m=audio 49217 RTP/AVP 0\r\n')).toBe(true);
  });

  it('cparam01 and cparam02: a parameter belongs to the header without brackets and to the URI within', () => {
    const outside = parseNameAddr(getHeader(parsed('cparam01').message, 'Contact') ?? '');
    expect([outside?.uri, outside?.params.has('unknownparam')]).toEqual(['sip:+19725552222@gw1.example.net', true]);
    const inside = parseNameAddr(getHeader(parsed('cparam02').message, 'Contact') ?? '');
    expect([inside?.params.size, parseUri(inside?.uri ?? '')?.params.has('unknownparam')]).toEqual([0, true]);
  });

  it('regescrt: escaped headers of a Contact URI stay part of it', () => {
    const contact = parseNameAddr(getHeader(parsed('regescrt').message, 'Contact') ?? '');
    expect(parseUri(contact?.uri ?? '')?.headers).toBe('Route=%3Csip:sip.example.com%3E');
  });
});
