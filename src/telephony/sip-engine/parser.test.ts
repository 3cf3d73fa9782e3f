import { describe, expect, it } from 'vitest';
import { getHeader, getHeaders } from './headers.js';
import type { ParsedSip } from './message.js';
import { type ParseFault, type ParseOptions, parseSip } from './parser.js';

const lines = (...changed: string[]): string[] => [
  'INVITE sip:bob@example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport',
  'From: "Alice" <sip:alice@example.com>;tag=a',
  'To: <sip:bob@example.com>',
  'Call-ID: 1@192.0.2.1',
  'CSeq: 7 INVITE',
  'Max-Forwards: 70',
  ...changed,
];
const text = (head: string[], body = ''): Buffer => Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);

/** The message with one header line put in the place of the line of that name, or added. */
const withLine = (line: string): Buffer => {
  const name = line.slice(0, line.indexOf(':'));
  const base = lines();
  const at = base.findIndex((l) => l.startsWith(`${name}:`));
  if (at < 0) return text([...base, line]);
  base[at] = line;
  return text(base);
};

const accepted = (bytes: Buffer, options?: ParseOptions): ParsedSip => {
  const result = parseSip(bytes, options);
  if (!result.ok) throw new Error(`refused: ${result.reason}`);
  return result.parsed;
};
const refused = (bytes: Buffer, options?: ParseOptions): ParseFault => {
  const result = parseSip(bytes, options);
  if (result.ok) throw new Error('accepted');
  return result;
};
const limits = { maxMessageBytes: 65_535, maxHeaderCount: 256, maxHeaderBytes: 49_152 };

describe('what is accepted', () => {
  it('compact names, any case, spaces before the colon; lines come out with long names in the order of the wire', () => {
    const p = accepted(
      text([
        'OPTIONS sip:b SIP/2.0',
        'v:SIP/2.0/TCP c',
        'F: <sip:a@b>',
        'T :<sip:b@c>',
        'i\t: x',
        'cSEQ: 1 OPTIONS',
        'k: timer',
        'x-Own: y',
        'l: 0',
      ]),
    );
    expect(p.message.headers.map((h) => h.name)).toEqual([
      'Via',
      'From',
      'To',
      'Call-ID',
      'CSeq',
      'Supported',
      'x-Own',
      'Content-Length',
    ]);
  });

  it('line ends before the start line (RFC 3261 section 7.5)', () => {
    expect(accepted(Buffer.concat([Buffer.from('\r\n\r\n'), text(lines())])).callId).toBe('1@192.0.2.1');
  });

  it('IPv6 in Via, URIs and received, with and without brackets', () => {
    const p = accepted(
      text([
        'INVITE sip:bob@[2001:DB8::9]:5070;transport=tcp SIP/2.0',
        'Via: SIP/2.0/UDP [2001:db8::9:1]:5062;received=[2001:db8::9:255];branch=z9hG4bKas3-111',
        'Via: SIP/2.0/UDP [::1];received=2001:db8::9:255;branch=z9hG4bK2',
        ...lines().slice(2),
        'Contact: <sip:[2001:db8::9:1]:5062>',
      ]),
    );
    expect(p.via).toMatchObject({ host: '2001:db8::9:1', port: 5062 });
    expect(p.via.params.get('received')).toBe('[2001:db8::9:255]');
  });

  it('UTF-8, and ISO 8859-1 where the bytes are no UTF-8', () => {
    expect(accepted(withLine('From: "Ünal" <sip:u@h>;tag=1')).from.display).toBe('Ünal');
    const latin = Buffer.from(withLine('From: "Ünal" <sip:u@h>;tag=1').toString(), 'latin1');
    expect(accepted(latin).from.display).toBe('Ünal');
  });

  it('unquoted display names with more than tokens; the value gets the quotes others need', () => {
    const p = accepted(withLine('From: Jürgen (Büro) <sip:j@h>;tag=1'));
    expect(p.from.display).toBe('Jürgen (Büro)');
    expect(getHeader(p.message, 'From')).toBe('"Jürgen (Büro)" <sip:j@h>;tag=1');
    expect(getHeader(accepted(withLine('From: A. Bell <sip:j@h>;tag=1')).message, 'From')).toBe(
      'A. Bell <sip:j@h>;tag=1',
    );
  });

  it('control characters as quoted pairs only', () => {
    expect(accepted(withLine('From: "a\\\u0007" <sip:j@h>;tag=1')).from.display).toBe('a\u0007');
    expect(refused(withLine('From: "a\u0007" <sip:j@h>;tag=1')).reason).toBe('control character in a header value');
  });

  it('several values of Contact, Route and Record-Route in one line, kept as one line', () => {
    const p = accepted(withLine('Route: <sip:a;lr>,<sip:b;lr> , "x, y" <sip:c>'));
    expect(getHeaders(p.message, 'Route')).toEqual(['<sip:a;lr>,<sip:b;lr> , "x, y" <sip:c>']);
  });

  it('a response without reason and space', () => {
    const p = accepted(text(['SIP/2.0 180', ...lines().slice(1)]));
    expect(p.message).toMatchObject({ kind: 'response', status: 180, reason: '' });
  });

  it('a response whose CSeq names any method', () => {
    expect(accepted(text(['sip/2.0 200 OK', ...lines().slice(1)])).cseq.method).toBe('INVITE');
  });

  it('a body cut at Content-Length, and to the end of the datagram without it', () => {
    expect(accepted(text(lines('Content-Length: 3'), 'abcdef')).message.body.toString()).toBe('abc');
    expect(accepted(text(lines(), 'abcdef')).message.body.toString()).toBe('abcdef');
  });
});

describe('what is refused', () => {
  const cases: [reason: string, bytes: Buffer][] = [
    ['start line is not SIP', Buffer.from('')],
    ['start line is not SIP', Buffer.from('\r\n\r\n')],
    ['start line is not SIP', text(['GET / HTTP/1.1', ...lines().slice(1)])],
    ['start line is not SIP', text(['INV(TE sip:b SIP/2.0', ...lines().slice(1)])],
    ['Request-URI is malformed', text(['INVITE  SIP/2.0', ...lines().slice(1)])],
    ['Request-URI is malformed', text(['INVITE sip:b@[::g] SIP/2.0', ...lines().slice(1)])],
    ['Request-URI is malformed', text(['INVITE sip:b@h:99999 SIP/2.0', ...lines().slice(1)])],
    ['Request-URI is malformed', text(['INVITE sip:b%4@h SIP/2.0', ...lines().slice(1)])],
    ['header section does not end', Buffer.from(lines().join('\r\n'))],
    ['header line without a colon', text(lines('no colon here'))],
    ['header name is not a token', text(lines('Bad Name: x'))],
    ['header name is not a token', text(lines(': x'))],
    // The Kelvin sign is lower-cased to k, which is the compact form of Supported.
    ['header name is not a token', text(lines('\u212a: x'))],
    ['control character in a header value', text(lines('X: a\nInjected: b'))],
    ['control character in a header value', text(lines('X: a\rInjected: b'))],
    ['control character in a header value', text(lines('X: "a\\\nInjected: b"'))],
    ['control character in a header value', text(lines('X: a\0b'))],
    ['Via is malformed', withLine('Via: SIP/2.0/UDP')],
    ['Via is malformed', withLine('Via: SIP/2.0/UDP h;branch=')],
    ['Via is malformed', withLine('Via: SIP/2.0/UDP h:70000')],
    ['Via is malformed', withLine('Via: SIP/2.0/UDP h, ')],
    ['From is malformed', withLine('From: <sip:a@b>;tag="unfinished')],
    ['From is malformed', withLine('From: <sip:a@b> trailing')],
    ['From is malformed', withLine('From: <sip:a@b>, <sip:c@d>')],
    ['To is malformed', withLine('To: <sip:a@b')],
    ['Via is malformed', withLine('Via: HTTP/2.0/UDP h')],
    ['Via is malformed', withLine('Via: SIP/2.0/UDP h;branch=z9hG4bKa;branch=z9hG4bKb')],
    ['From is malformed', withLine('From: <sip:a@b>;tag=1;tag=2')],
    ['tag is malformed', withLine('From: <sip:a@b>;tag')],
    ['tag is malformed', withLine('To: <sip:a@b>;tag="a;b"')],
    ['tag is malformed', withLine('From: <sip:a@b>;tag=a|b')],
    ['Call-ID is malformed', withLine('Call-ID: a b')],
    ['Call-ID is malformed', withLine('Call-ID: a|b')],
    ['Call-ID is malformed', withLine('Call-ID:')],
    ['CSeq is malformed or not below 2**31', withLine('CSeq: 2147483648 INVITE')],
    ['CSeq is malformed or not below 2**31', withLine('CSeq: INVITE')],
    ['CSeq is malformed or not below 2**31', withLine('CSeq: 1INVITE')],
    ['Max-Forwards is not between 0 and 255', withLine('Max-Forwards: 256')],
    ['Max-Forwards is not between 0 and 255', withLine('Max-Forwards: x')],
    ['Contact is malformed', withLine('Contact: <sip:a@b>;;')],
    ['Contact is malformed', withLine('Contact: *, <sip:a@b>')],
    ['Route or Record-Route is malformed', withLine('Route: <sip:a@b>,,<sip:c@d>')],
    ['Content-Length is not a number', withLine('Content-Length: 1 2')],
    ['header field that may stand once is there twice', text(lines('call-id: 2'))],
    ['CSeq names another method than the request line', withLine('CSeq: 7 invite')],
  ];
  it.each(cases)('%s', (reason, bytes) => {
    expect(refused(bytes).reason).toBe(reason);
  });

  it.each(['Via', 'From', 'To', 'Call-ID', 'CSeq'])('a message without %s', (name) => {
    const fault = refused(text(lines().filter((l) => !l.startsWith(`${name}:`))));
    expect(fault.reason).toBe(`${name} is missing`);
    expect(fault.status).toBe(name === 'Via' ? undefined : 400);
  });

  it('ACK and responses have no status, as nothing may answer them', () => {
    const ack = text(['ACK sip:b SIP/2.0', ...lines().slice(1)]);
    expect(refused(ack)).toMatchObject({ reason: 'CSeq names another method than the request line' });
    expect(refused(ack).status).toBeUndefined();
    expect(refused(text(['SIP/2.0 99 Odd', ...lines().slice(1)])).status).toBeUndefined();
  });

  it('another version of SIP is 505, whatever else is wrong', () => {
    expect(refused(text(['INVITE sip:b SIP/3.0', ...lines('X y').slice(1)])).status).toBe(505);
  });
});

describe('limits', () => {
  it('end the reading at the header count, with 513 and enough to answer', () => {
    const fault = refused(text(lines(...Array.from({ length: 6_001 }, (_, i) => `m: <sip:${i}@h>`))));
    expect(fault).toMatchObject({ status: 513, reason: 'message exceeds a size limit' });
    expect(fault.partial?.headers).toHaveLength(limits.maxHeaderCount);
    expect(getHeader(fault.partial ?? { headers: [] }, 'Call-ID')).toBe('1@192.0.2.1');
  });

  it('end the reading at the bytes of the header section', () => {
    const fault = refused(text(lines(`X: ${'x'.repeat(60_000)}`)));
    expect(fault.status).toBe(513);
    const kept = fault.partial?.headers.reduce((sum, h) => sum + h.name.length + h.value.length, 0) ?? 0;
    expect(kept).toBeLessThan(limits.maxHeaderBytes);
  });

  it('refuse a message over the size, and one that announces it', () => {
    expect(refused(text(lines(), 'x'.repeat(70_000))).status).toBe(513);
    expect(refused(text(lines('Content-Length: 70000'), 'x')).status).toBe(513);
  });

  it('are the caller’s', () => {
    const options: ParseOptions = { framing: 'datagram', limits: { ...limits, maxHeaderCount: 6 } };
    expect(accepted(text(lines().slice(0, 7)), options).callId).toBe('1@192.0.2.1');
    expect(refused(text(lines('X: 1')), options).status).toBe(513);
  });
});

describe('on a stream', () => {
  const options: ParseOptions = { framing: 'stream', limits };

  it('Content-Length is mandatory', () => {
    expect(refused(text(lines()), options)).toMatchObject({
      status: 400,
      reason: 'Content-Length is missing on a stream',
    });
    expect(accepted(text(lines('l: 2'), 'ab'), options).message.body.toString()).toBe('ab');
  });
});
