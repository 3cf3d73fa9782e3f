import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.js';
import { digestResponse } from '../../../src/telephony/sip/digest/algorithm.js';
import { parseDigests } from '../../../src/telephony/sip/digest/fields.js';
import { onEmbeddedEngine } from '../../support/embedded-engine.js';
import { freePort } from '../../support/ports.js';
import { type RawMessage, type RawPeer, rawReply, startRawPeer } from '../../support/raw-peer.js';
import {
  ANSWER_SDP,
  LOCAL_PROFILE,
  outgoing,
  recordEvents,
  type SipApplication,
  startSipApplication,
} from '../../support/sip-application.js';
import { type SippRun, startSipp } from '../../support/sipp.js';
import { expectMessage, reply, type Step, scenario, sdp, send } from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

let app: SipApplication;
const runs: SippRun[] = [];
afterEach(async () => {
  await Promise.all(runs.splice(0).map((run) => run.stop()));
  await app.close();
});

/** A callee of these steps; returns its URI. */
const callee = async (...steps: readonly Step[]): Promise<{ uri: string; sipp: SippRun }> => {
  const sipp = await startSipp({ scenario: scenario(...steps), timeout: 12_000 });
  runs.push(sipp);
  return { uri: `sip:callee@127.0.0.1:${sipp.port}`, sipp };
};

const answered = reply('200 OK', { body: sdp(), retransmit: true });
const ok = send(
  'SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0',
);
/** The final answer to the INVITE, sent when the last message received was its CANCEL. */
const finalOfInvite = (status: string, body = ''): Step =>
  send(`SIP/2.0 ${status}
[last_Via:]
[last_From:]
[last_To:];tag=callee[call_number]
[last_Call-ID:]
CSeq: [$cseq] INVITE
Contact: <sip:callee@[local_ip]:[local_port]>
${body === '' ? 'Content-Length: 0' : `Content-Type: application/sdp\nContent-Length: [len]\n\n${body.trim()}`}`);

describe('a call of ours', () => {
  it('rings, has early media, is answered, and ends with our BYE', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE', { matches: ['From: "Ann B" <sip:.14155550123@127', 'X-OPENCX-TRANSFER: true'] }),
      reply('180 Ringing'),
      reply('183 Session Progress', { body: sdp({ version: 5 }) }),
      answered,
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    const provisional: string[] = [];
    const result = await app.server.place(
      outgoing(uri, {
        from: { user: '+14155550123', display: 'Ann B', privacy: false },
        headers: { 'X-OPENCX-TRANSFER': 'true' },
        onProvisional: ({ status, sdp: early }) => provisional.push(`${status} ${early === null ? '-' : 'sdp'}`),
      }),
    );
    expect(provisional).toEqual(['180 -', '183 sdp']);
    if (result.outcome !== 'answered') throw new Error(result.reason);
    expect(result.sdp).toContain('m=audio');
    expect(result.sent.headers).toEqual({ 'X-OPENCX-TRANSFER': 'true' });
    expect(result.sent.from).toMatch(/^"Ann B" <sip:\+14155550123@127\.0\.0\.1:\d+>;tag=/);
    await result.dialog.bye();
    expect(await sipp.done).toMatchObject({ code: 0, successful: 1 });
    expect(app.server.stats().dialogs).toBe(0);
  });

  for (const [status, reason] of [
    [486, 'Busy Here'],
    [603, 'Decline'],
    [404, 'Not Found'],
    [503, 'Service Unavailable'],
  ] as const) {
    it(`refused with ${status} fails with the peer's status`, async () => {
      app = await startSipApplication();
      const { uri, sipp } = await callee(expectMessage('INVITE'), reply(`${status} ${reason}`), expectMessage('ACK'));
      const result = await app.server.place(outgoing(uri));
      expect(result).toMatchObject({ outcome: 'failed', status, reason, local: false, gaveUp: null });
      expect((await sipp.done).code).toBe(0);
    });
  }

  it('redirected is not followed', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE'),
      send(`SIP/2.0 302 Moved Temporarily
[last_Via:]
[last_From:]
[last_To:];tag=callee
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:elsewhere@127.0.0.1:9>
Content-Length: 0`),
      expectMessage('ACK'),
    );
    expect(await app.server.place(outgoing(uri))).toMatchObject({ outcome: 'failed', status: 302, local: false });
    expect((await sipp.done).code).toBe(0);
  });

  it('that rings too long is cancelled, and the 487 tells how it ended', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE', { keep: { cseq: 'CSeq' } }),
      reply('180 Ringing'),
      expectMessage('CANCEL'),
      ok,
      finalOfInvite('487 Request Terminated'),
      expectMessage('ACK'),
    );
    const result = await app.server.place(outgoing(uri, { ringTimeout: 400 }));
    expect(result).toMatchObject({ outcome: 'failed', status: 487, gaveUp: 'timeout', local: false });
    expect((await sipp.done).code).toBe(0);
  });

  it('whose 200 crosses our CANCEL is acknowledged and then hung up', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE', { keep: { cseq: 'CSeq' } }),
      reply('180 Ringing'),
      expectMessage('CANCEL'),
      ok,
      finalOfInvite('200 OK', sdp()),
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    const result = await app.server.place(outgoing(uri, { ringTimeout: 400 }));
    expect(result).toMatchObject({ outcome: 'failed', gaveUp: 'timeout', reason: 'answered after we had given up' });
    expect((await sipp.done).code).toBe(0);
    expect(app.server.stats().dialogs).toBe(0);
  });

  it('given up while it rings returns at once and cancels', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE', { keep: { cseq: 'CSeq' } }),
      reply('180 Ringing'),
      expectMessage('CANCEL'),
      ok,
      finalOfInvite('487 Request Terminated'),
      expectMessage('ACK'),
    );
    const giveUp = new AbortController();
    const result = await app.server.place(
      outgoing(uri, { signal: giveUp.signal, onProvisional: () => giveUp.abort() }),
    );
    expect(result).toMatchObject({ outcome: 'failed', status: null, gaveUp: 'aborted', local: false });
    expect((await sipp.done).code).toBe(0);
  });

  it('given up before it is placed sends nothing', async () => {
    app = await startSipApplication();
    const result = await app.server.place(outgoing('sip:nobody@127.0.0.1:9', { signal: AbortSignal.abort() }));
    expect(result).toMatchObject({ outcome: 'failed', gaveUp: 'aborted', sent: null });
  });

  onEmbeddedEngine('to a peer that says nothing at all is told from one that rings', async () => {
    app = await startSipApplication();
    const deaf = createSocket('udp4');
    await new Promise<void>((resolve) => deaf.bind(0, '127.0.0.1', resolve));
    const result = await app.server.place(outgoing(`sip:a@127.0.0.1:${deaf.address().port}`, { ringTimeout: 100 }));
    deaf.close();
    expect(result).toMatchObject({
      outcome: 'failed',
      status: null,
      gaveUp: 'timeout',
      local: true,
      reason: 'no response at all',
    });
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`to a closed ${transport} port fails by our own server's doing`, async () => {
      app = await startSipApplication();
      const port = await freePort();
      const result = await app.server.place(outgoing(`sip:a@127.0.0.1:${port};transport=${transport}`));
      expect(result).toMatchObject({ outcome: 'failed', status: 503, local: true, gaveUp: null });
    });
  }

  it('answers a SHA-256 challenge, which the SIP library cannot, and takes the best of several', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE'),
      send(`SIP/2.0 407 Proxy Authentication Required
[last_Via:]
[last_From:]
[last_To:];tag=callee
[last_Call-ID:]
[last_CSeq:]
Proxy-Authenticate: Digest realm="a, b", nonce="n-512", algorithm=SHA-512-256, qop="auth"
Proxy-Authenticate: Digest realm="a, b", nonce="n-256", algorithm=SHA-256, qop="auth,auth-int", opaque="o"
Proxy-Authenticate: Digest realm="a, b", nonce="n-md5", algorithm=MD5, qop="auth"
Content-Length: 0`),
      expectMessage('ACK'),
      expectMessage('INVITE'),
      answered,
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    const result = await app.server.place(outgoing(uri, { digest: { username: 'bob "b"', password: 'secret' } }));
    if (result.outcome !== 'answered') throw new Error(result.reason);
    expect(JSON.stringify(result.sent)).not.toContain('Digest');
    await result.dialog.bye();
    const { messages, code } = await sipp.done;
    expect(code).toBe(0);
    const [fields] = parseDigests(/^Proxy-Authorization: (.*)$/m.exec(messages)?.[1]?.trim() ?? '');
    expect(fields?.get('nonce')).toBe('n-256');
    expect(fields?.get('realm')).toBe('a, b');
    expect(fields?.get('opaque')).toBe('o');
    expect(fields?.get('response')).toBe(
      digestResponse({
        hash: 'SHA-256',
        session: false,
        username: 'bob "b"',
        realm: 'a, b',
        password: 'secret',
        method: 'INVITE',
        uri,
        nonce: 'n-256',
        quality: { qop: 'auth', nc: '00000001', cnonce: fields?.get('cnonce') ?? '' },
        body: '',
      }),
    );
    const [first, second] = [...messages.matchAll(/^CSeq: (\d+) INVITE/gm)].map((match) => Number(match[1]));
    expect(new Set([...messages.matchAll(/^CSeq: (\d+) INVITE/gm)].map((match) => match[1])).size).toBe(2);
    expect(second).toBeGreaterThanOrEqual(first ?? 0);
  });

  it('a peer that challenged the call is refreshed with credentials, by re-INVITE when it takes no UPDATE', async () => {
    /** What is to be done after four tenths of the interval; everything else waits in real time. */
    const due: (() => void)[] = [];
    const after: Clock['after'] = (ms, fn) => {
      if (ms !== 40_000) return systemClock.after(ms, fn);
      due.push(fn);
      return { cancel: () => void due.splice(due.indexOf(fn), 1) };
    };
    app = await startSipApplication({ clock: { ...systemClock, after } });
    const lately: RawMessage[] = [];
    const line = await startRawPeer((message, peer) => {
      if (message.method === 'ACK' || message.method === null) return;
      lately.push(message);
      if (message.method !== 'BYE' && message.lines('Proxy-Authorization').length === 0) {
        const headers = 'Proxy-Authenticate: Digest realm="line", nonce="n", qop="auth"';
        return peer.send(rawReply(message, '407 Proxy Authentication Required', { headers }));
      }
      if (message.method === 'UPDATE') return peer.send(rawReply(message, '405 Method Not Allowed'));
      const headers = `Contact: <sip:line@127.0.0.1:${peer.port}>\r\nAllow: INVITE, UPDATE\r\nSession-Expires: 100;refresher=uac`;
      peer.send(rawReply(message, '200 OK', message.method === 'BYE' ? {} : { headers, body: ANSWER_SDP }));
    });
    const result = await app.server.place(
      outgoing(`sip:line@127.0.0.1:${line.port}`, { digest: { username: 'bob', password: 'secret' } }),
    );
    if (result.outcome !== 'answered') throw new Error(result.reason);
    lately.length = 0;
    const told = () => lately.map(({ method, lines }) => `${method} ${lines('Proxy-Authorization').length}`);
    expect(due).toHaveLength(1);
    due.splice(0)[0]?.();
    await until('the next refresh', () => due.length === 1, 20_000);
    expect(told()).toEqual(['UPDATE 0', 'UPDATE 1', 'INVITE 0', 'INVITE 1']);
    const last = lately.at(-1);
    expect(last?.text.endsWith(ANSWER_SDP)).toBe(true);
    expect(last?.lines('Session-Expires')).toEqual(['Session-Expires: 100;refresher=uac']);
    await result.dialog.bye();
    expect(due).toEqual([]);
    line.close();
  });

  it('challenged without credentials, its profile having them for another peer, fails with the challenge', async () => {
    const carrier =
      'name: carrier\noutbound: { peers: [sip.carrier.test], digest: { username: operator, password: secret } }';
    app = await startSipApplication({ profileDocuments: [LOCAL_PROFILE, carrier] });
    const { uri } = await callee(
      expectMessage('INVITE'),
      send(`SIP/2.0 401 Unauthorized
[last_Via:]
[last_From:]
[last_To:];tag=callee
[last_Call-ID:]
[last_CSeq:]
WWW-Authenticate: Digest realm="x", nonce="y"
Content-Length: 0`),
      expectMessage('ACK'),
    );
    const result = await app.server.place(outgoing(uri, { profile: 'carrier' }));
    expect(result).toMatchObject({ outcome: 'failed', status: 401, local: false });
  });

  it('follows its profile: transport, added and dropped headers, session timer, privacy', async () => {
    app = await startSipApplication({
      profileDocuments: [
        LOCAL_PROFILE,

        'name: line\noutbound: { transport: tcp, headers: { add: { X-Line: "7" }, drop: [X-Secret] } }\nsessionTimer: { interval: 1800, minimum: 90 }',
      ],
    });
    const sipp = await startSipp({
      transport: 'tcp',
      scenario: scenario(
        expectMessage('INVITE', { matches: ['X-Line: 7', 'Session-Expires: 1800', 'Privacy: id'] }),
        reply('403 Forbidden'),
        expectMessage('ACK'),
      ),
    });
    runs.push(sipp);
    const result = await app.server.place(
      outgoing(`sip:line@127.0.0.1:${sipp.port}`, {
        profile: 'line',
        from: { user: '+14155550100', display: null, privacy: true },
        headers: { 'X-Secret': '1', 'X-Kept': '2' },
      }),
    );
    expect(result).toMatchObject({ outcome: 'failed', status: 403 });
    expect(result.sent?.headers).toEqual({ Privacy: 'id', 'X-Kept': '2', 'X-Line': '7' });
    const { code, messages } = await sipp.done;
    expect(code).toBe(0);
    expect(messages).not.toContain('X-Secret');
    expect(messages).toContain(`INVITE sip:line@127.0.0.1:${sipp.port};transport=tcp SIP/2.0`);
  });

  it('with a session interval that is too small for the peer asks again with a longer one', async () => {
    app = await startSipApplication({
      profileDocuments: [LOCAL_PROFILE, 'name: line\nsessionTimer: { interval: 90, minimum: 90 }'],
    });
    const { uri, sipp } = await callee(
      expectMessage('INVITE', { matches: ['Session-Expires: 90'] }),
      send(`SIP/2.0 422 Session Interval Too Small
[last_Via:]
[last_From:]
[last_To:];tag=callee
[last_Call-ID:]
[last_CSeq:]
Min-SE: 600
Content-Length: 0`),
      expectMessage('ACK'),
      expectMessage('INVITE', { matches: ['Session-Expires: 600'] }),
      answered,
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    const result = await app.server.place(outgoing(uri, { profile: 'line' }));
    if (result.outcome !== 'answered') throw new Error(result.reason);
    await result.dialog.bye();
    expect((await sipp.done).code).toBe(0);
  });

  it('whose answer has no session description is hung up and failed', async () => {
    app = await startSipApplication();
    const { uri, sipp } = await callee(
      expectMessage('INVITE'),
      reply('200 OK', { retransmit: true }),
      expectMessage('ACK'),
      expectMessage('BYE'),
      ok,
    );
    expect(await app.server.place(outgoing(uri))).toMatchObject({ outcome: 'failed', local: false });
    expect((await sipp.done).code).toBe(0);
  });

  it('hung up by the peer in the same breath as its answer still hands the dialog over first', async () => {
    app = await startSipApplication();
    const contact = (peer: RawPeer): string => `Contact: <sip:raw@127.0.0.1:${peer.port}>`;
    const peer = await startRawPeer((message) => {
      if (message.method !== 'INVITE') return;
      peer.send(rawReply(message, '200 OK', { headers: contact(peer), body: ANSWER_SDP }));
      const [from = '', to = ''] = [message.lines('From')[0], message.lines('To')[0]];
      peer.send(
        [
          `BYE sip:${app.address} SIP/2.0`,
          `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bKquick`,
          to.replace(/^To/, 'From').concat(';tag=raw'),
          from.replace(/^From/, 'To'),
          ...message.lines('Call-ID'),
          'CSeq: 9 BYE',
          'Max-Forwards: 70',
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
      );
    });
    const order: string[] = [];
    const events = recordEvents({ ended: ({ by }) => void order.push(`ended by ${by}`) });
    const result = await app.server.place(outgoing(`sip:raw@127.0.0.1:${peer.port}`, { events }));
    order.push(result.outcome);
    await peer.until((message) => message.status === 200 && message.lines('CSeq')[0] === 'CSeq: 9 BYE');
    await until('the end of the dialog', () => order.length === 2);
    expect(order).toEqual(['answered', 'ended by remote']);
    peer.close();
  });

  it('tells the address at which the peer saw us', async () => {
    app = await startSipApplication();
    const peer = await startRawPeer((message) => {
      if (message.method === 'INVITE') peer.send(rawReply(message, '403 Forbidden', { via: ';received=203.0.113.9' }));
    });
    const result = await app.server.place(outgoing(`sip:raw@127.0.0.1:${peer.port}`));
    expect(result).toMatchObject({ outcome: 'failed', status: 403, sent: { viaReceived: '203.0.113.9' } });
    await peer.until((message) => message.method === 'ACK');
    peer.close();
  });

  it('that could never be sent is refused with a sentence', async () => {
    app = await startSipApplication();
    const place = (overrides: Parameters<typeof outgoing>[1], uri = 'sip:a@127.0.0.1') =>
      app.server.place(outgoing(uri, overrides));
    await expect(place({ profile: 'none' })).rejects.toThrow('There is no SIP profile "none".');
    await expect(place({}, 'sips:a@b.example')).rejects.toThrow('is not a sip: URI');
    await expect(place({ headers: { 'X-A': 'b\r\nVia: evil' } })).rejects.toThrow('The header "X-A" cannot be sent.');
    await expect(place({ headers: { Via: 'x' } })).rejects.toThrow('The header "Via" cannot be sent.');
    await expect(place({ from: { user: 'a>b', display: null, privacy: false } })).rejects.toThrow('cannot be the user');
  });
});
