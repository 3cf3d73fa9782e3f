import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../core/manual-clock.js';
import { BULLETS } from '../../../core/redaction.js';
import { createLadder, defaultLadderLimits, type WireMessage } from './recorder.js';
import { redactMessage } from './redact.js';
import { summarize } from './summary.js';
import { ladderText } from './text.js';
import { withheldIn } from './withheld.js';

const message = (
  callId: string,
  start: string,
  options: Partial<WireMessage> & { readonly body?: string } = {},
): WireMessage => ({
  at: 1_700_000_000_000,
  direction: 'in',
  transport: 'udp',
  local: '127.0.0.1:5060',
  remote: '192.0.2.1:5060',
  callId,
  retransmission: false,
  raw: Buffer.from(`${start}\r\nCall-ID: ${callId}\r\nCSeq: 1 INVITE\r\n\r\n${options.body ?? ''}`),
  ...options,
});

describe('the ladder recorder', () => {
  it('shows a request whose way is not known at who answered it, else at the host it names', () => {
    const ladder = createLadder(manualClock());
    const sent = { direction: 'out', transport: 'udp', remote: null } as const;
    const invite = 'INVITE sip:+14155550100@line.test:5070;transport=udp SIP/2.0\r\n\r\n';
    ladder.recordText({ ...sent, at: 10, callId: 'a', raw: invite });
    ladder.bind('s', 'a');
    const remotes = () => ladder.get('s')?.entries.map((entry) => entry.remote);
    expect(remotes()).toEqual(['line.test:5070']);
    const ringing = { direction: 'in', transport: 'udp', remote: '192.0.2.9:5060' } as const;
    ladder.recordText({ ...ringing, at: 20, callId: 'a', raw: 'SIP/2.0 180 Ringing\r\n\r\n' });
    ladder.recordText({ ...sent, at: 30, callId: 'a', raw: 'CANCEL sip:x SIP/2.0\r\n\r\n' });
    expect(remotes()).toEqual(['192.0.2.9:5060', '192.0.2.9:5060', '192.0.2.9:5060']);
  });

  it('gives a session what was recorded of its calls, also before it was known', () => {
    const ladder = createLadder(manualClock());
    ladder.record(message('a', 'INVITE sip:x SIP/2.0', { at: 10 }));
    ladder.bind('s', 'a');
    ladder.bind('s', 'b');
    ladder.record(message('b', 'INVITE sip:y SIP/2.0', { at: 20, direction: 'out', remote: '198.51.100.2:5060' }));
    ladder.record(message('a', 'SIP/2.0 200 OK', { at: 30, direction: 'out' }));
    ladder.record(message('c', 'INVITE sip:z SIP/2.0', { at: 15 }));
    const view = ladder.get('s');
    expect(view?.entries.map((entry) => `${entry.at} ${entry.callId} ${entry.label}`)).toEqual([
      '10 a INVITE',
      '20 b INVITE',
      '30 a 200 OK (INVITE)',
    ]);
    expect(ladder.heardFrom('a')).toBe(true);
    expect(ladder.heardFrom('b')).toBe(false);
    expect(ladder.heardFrom('nobody')).toBeNull();
    expect(ladder.get('nobody')).toBeNull();
  });

  it('is bounded for one call: the beginning and the end stay', () => {
    const ladder = createLadder(manualClock(), { ...defaultLadderLimits, messagesPerCall: 10 });
    ladder.bind('s', 'a');
    for (let index = 0; index < 1000; index++) ladder.record(message('a', `INFO sip:${index} SIP/2.0`, { at: index }));
    const view = ladder.get('s');
    expect(view?.entries.map((entry) => entry.at)).toEqual([0, 1, 2, 3, 4, 995, 996, 997, 998, 999]);
    expect(view?.dropped).toBe(990);
  });

  it('is bounded in all: strangers go first, then ended sessions, then the middle of live ones', () => {
    const clock = manualClock();
    const ladder = createLadder(clock, { ...defaultLadderLimits, totalBytes: 20_000, unboundCalls: 50 });
    ladder.bind('live', 'live');
    ladder.record(message('live', 'INVITE sip:x SIP/2.0', { at: -1 }));
    ladder.bind('old', 'old');
    ladder.record(message('old', 'INVITE sip:x SIP/2.0'));
    ladder.end('old');
    for (let index = 0; index < 5000; index++) ladder.record(message(`scan${index}`, 'OPTIONS sip:x SIP/2.0'));
    expect(ladder.stats().calls).toBeLessThanOrEqual(52);
    expect(ladder.get('old')?.entries).toHaveLength(1);
    for (let index = 0; index < 100; index++) {
      ladder.record(message('live', 'INFO sip:x SIP/2.0', { at: index, body: 'x'.repeat(1000) }));
    }
    expect(ladder.stats().bytes).toBeLessThanOrEqual(20_000);
    expect(ladder.get('old')).toBeNull();
    expect(ladder.get('live')?.entries[0]?.label).toBe('INVITE');
  });

  it('forgets a session a while after its end', () => {
    const clock = manualClock();
    const ladder = createLadder(clock);
    ladder.bind('s', 'a');
    ladder.record(message('a', 'INVITE sip:x SIP/2.0'));
    ladder.end('s');
    clock.advance(defaultLadderLimits.keepAfterEnd - 1);
    expect(ladder.get('s')).not.toBeNull();
    clock.advance(1);
    expect(ladder.get('s')).toBeNull();
    expect(ladder.stats()).toEqual({ calls: 0, bytes: 0 });
  });

  it('survives messages that are none', () => {
    const ladder = createLadder(manualClock());
    ladder.bind('s', 'a');
    for (const raw of ['', '\r\n\r\n', '\0\0\0', 'x'.repeat(100_000)])
      ladder.record(message('a', '', { raw: Buffer.from(raw) }));
    const view = ladder.get('s');
    expect(view?.entries).toHaveLength(4);
    expect(view?.entries[3]?.message).toHaveLength(defaultLadderLimits.bytesPerMessage);
    expect(ladderText(view!)).toContain('Session s');
  });
});

describe('redaction of SIP messages', () => {
  it('takes out credentials, also folded ones, media keys and digits, and leaves the rest', () => {
    const text = [
      'INVITE sip:a@b SIP/2.0',
      'Authorization: Digest username="bob", realm="gw",',
      ' nonce="n", response="deadbeef"',
      'proxy-authorization : Basic c2VjcmV0',
      'Call-ID: a',
      '',
      'v=0',
      'k=base64:c2VjcmV0',
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0a2V5|2^31|1:4',
      'a=ice-pwd:asd88fgpdd777uzjYhagZg',
      'Signal=5',
    ].join('\r\n');
    const redacted = redactMessage(text, null);
    for (const secret of ['deadbeef', 'c2VjcmV0', 'asd88fgpdd777uzjYhagZg', 'Signal=5', '"n"']) {
      expect(redacted).not.toContain(secret);
    }
    expect(redacted).toContain('username="bob"');
    expect(redacted).toContain('Call-ID: a');
    expect(redacted).toContain('AES_CM_128_HMAC_SHA1_80');
    const key = 'INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf\r\nContent-Length: 1\r\n\r\n5';
    expect(redactMessage(key, null)).toBe(key.replace(/5$/, BULLETS));
    expect(redactMessage(key.replace('/dtmf', '/dtmf-relay'), null)).toMatch(/5$/);
  });

  const number = '+14155550123';
  it.each([
    ['Privacy', `From: "Ann" <sip:${number}@carrier.test>;tag=1\r\nPrivacy: id`],
    ['the From', 'f: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'],
    [
      'Remote-Party-ID',
      `From: <sip:266696687@carrier.test>;tag=1\r\nRemote-Party-ID: <sip:${number}@c.test>;privacy=full`,
    ],
  ])('takes a number that %s withholds out of every message of its call, and of no other', (_by, headers) => {
    const ladder = createLadder(manualClock());
    ladder.bind('s', 'private');
    ladder.bind('s', 'open');
    const rest = [
      `Contact: <sip:${number};npdi@192.0.2.1>`,
      `P-Asserted-Identity: "Ann Smith" <sip:${number}@carrier.test>, <tel:${number}>`,
      `Diversion: <sip:+14155550199@carrier.test>`,
      'To: <sip:+14155550100@gw.test>',
    ].join('\r\n');
    ladder.record(message('private', `INVITE sip:+14155550100@gw SIP/2.0\r\n${headers}\r\n${rest}`));
    ladder.record(message('private', `BYE sip:${number}@192.0.2.1 SIP/2.0\r\nTo: <sip:${number}@carrier.test>;tag=1`));
    ladder.record(message('open', `INVITE sip:x SIP/2.0\r\nFrom: <sip:${number}@c.test>\r\n${rest}`));
    const entries = ladder.get('s')?.entries ?? [];
    const shown = JSON.stringify(entries.filter(({ callId }) => callId === 'private'));
    for (const secret of [number, '+14155550199', 'Ann Smith']) expect(shown).not.toContain(secret);
    expect(shown).toContain('+14155550100');
    const open = entries.find(({ callId }) => callId === 'open')?.message;
    for (const told of [number, '+14155550199', 'Ann Smith']) expect(open).toContain(told);
  });

  it('gets through long hostile text: a pattern that looked ahead without bound would take minutes', () => {
    const hostile = `INVITE sip:x SIP/2.0\r\nPrivacy: id\r\nDiversion: ${'"\\"sip:tel:'.repeat(6_000)}`;
    expect(redactMessage(hostile, withheldIn(hostile))).toContain('Privacy: id');
  }, 5_000);
});

describe('the text of a ladder', () => {
  it('has the caller left of the gateway and others right of it', () => {
    const ladder = createLadder(manualClock());
    ladder.bind('s', 'a');
    ladder.bind('s', 'b');
    const other = { remote: '198.51.100.2:5060' };
    ladder.record(message('a', 'INVITE sip:x SIP/2.0', { at: 0 }));
    ladder.record(message('b', 'INVITE sip:y SIP/2.0', { at: 1, direction: 'out', ...other }));
    ladder.record(message('b', 'SIP/2.0 486 Busy Here', { at: 2, ...other }));
    const lines = ladderText(ladder.get('s')!).split('\n');
    const header = lines.find((line) => line.includes('gateway') && line.includes('198.51.100.2')) ?? '';
    expect(header.indexOf('192.0.2.1')).toBeLessThan(header.indexOf('gateway'));
    expect(header.indexOf('gateway')).toBeLessThan(header.indexOf('198.51.100.2'));
    const arrows = lines.filter((line) => /^\d\d:\d\d:/.test(line));
    expect(arrows[0]).toMatch(/^00:00:00\.000 +\|-+ INVITE -+>\| +\|$/);
    expect(arrows[1]).toMatch(/^00:00:00\.001 +\| +\|-+ INVITE -+>\|$/);
    expect(arrows[2]).toMatch(/^00:00:00\.002 +\| +\|<-+ 486 Busy Here \(INVITE\) -+\|$/);
    expect(new Set(arrows.map((line) => line.length)).size).toBe(1);
  });
});

describe('the summary of a message', () => {
  it('reads compact names and says whether SDP is there', () => {
    expect(summarize('SIP/2.0 183 Session Progress\r\ni: abc\r\nCSeq: 7 INVITE\r\n\r\nv=0\r\n')).toMatchObject({
      callId: 'abc',
      label: '183 Session Progress (INVITE)',
      request: false,
      sdp: true,
    });
  });
});
