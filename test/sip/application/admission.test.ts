import { afterEach, describe, expect, it } from 'vitest';
import { ladderText } from '../../../src/telephony/sip/index.js';
import { onEmbeddedEngine } from '../../support/embedded-engine.js';
import { startRawPeer } from '../../support/raw-peer.js';
import {
  ANSWER_SDP,
  LOCAL_PROFILE,
  recordEvents,
  type SipApplication,
  startSipApplication,
} from '../../support/sip-application.js';
import { runSipp, startSipp } from '../../support/sipp.js';
import { ackFailure, expectMessage, inDialog, invite, scenario, sdp } from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

let app: SipApplication;
afterEach(async () => {
  await app.close();
});

/** Calls once and expects this refusal. */
const refused = (status: number, options: Parameters<typeof invite>[0] = {}, matches: readonly string[] = []) =>
  scenario(
    invite(options),
    expectMessage(100, { optional: true }),
    expectMessage(status, { matches }),
    ackFailure(1, options.user),
  );

const trunk = (extra: string): string => `name: trunk\ninbound:\n  sources: [127.0.0.2]\n${extra}`;

describe('an INVITE is turned away with a real status, one warning that names the rule, and a count', () => {
  const cases: readonly {
    readonly name: string;
    readonly profile?: string;
    readonly address?: string;
    readonly transport?: 'udp' | 'tcp';
    readonly invite?: Parameters<typeof invite>[0];
    readonly status: number;
    readonly matches?: readonly string[];
    readonly reason: string;
    readonly rule: string;
    readonly of?: string | null;
  }[] = [
    {
      name: 'from an address no profile lists',
      address: '127.0.0.9',
      status: 403,
      reason: 'unknown-source',
      rule: 'No profile lists the source address 127.0.0.9.',
      of: null,
    },
    {
      name: 'over a transport the profile does not take',
      profile: trunk('  transports: [tls]\n'),
      status: 403,
      reason: 'transport',
      rule: 'Profile trunk does not take calls over udp.',
    },
    {
      name: 'without the secure media the profile asks for',
      profile: `${trunk('')}media: { security: required }\n`,
      status: 488,
      reason: 'media-security',
      rule: 'Profile trunk asks for SRTP and the offer has none.',
    },
    {
      name: 'with secure media only, where the profile has none',
      profile: `${trunk('')}media: { security: none }\n`,
      invite: { body: sdp({ profile: 'RTP/SAVP' }) },
      status: 488,
      reason: 'media-security',
      rule: 'Profile trunk takes no SRTP and the offer has nothing else.',
    },
  ];
  for (const one of cases) {
    it(one.name, async () => {
      app = await startSipApplication({
        profileDocuments: [LOCAL_PROFILE, ...(one.profile === undefined ? [] : [one.profile])],
      });
      const result = await runSipp({
        target: app.address,
        address: one.address ?? '127.0.0.2',
        scenario: refused(one.status, one.invite, one.matches),
      });
      expect(result).toMatchObject({ code: 0, successful: 1 });
      expect(app.rejected).toEqual([{ reason: one.reason, profile: one.of === undefined ? 'trunk' : one.of }]);
      const warnings = app.lines.filter((line) => line.level === 'warn');
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatchObject({ message: 'call rejected', fields: { rule: one.rule, status: one.status } });
    });
  }

  it('with a body that is no session description, or an extension we do not have', async () => {
    app = await startSipApplication();
    const peer = await startRawPeer();
    const call = (id: string, headers: readonly string[], body: string): string =>
      [
        `INVITE sip:+14155550100@${app.address} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};branch=z9hG4bK${id}${peer.port}`,
        'From: <sip:+14155550123@127.0.0.1>;tag=a',
        'To: <sip:+14155550100@127.0.0.1>',
        `Call-ID: ${id}-${peer.port}`,
        'CSeq: 1 INVITE',
        `Contact: <sip:a@127.0.0.1:${peer.port}>`,
        'Max-Forwards: 70',
        ...headers,
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n');
    const ask = (id: string, headers: readonly string[], body: string) => {
      peer.sendTo(app.address, call(id, headers, body));
      return peer.until(
        (message) => (message.status ?? 0) >= 200 && message.lines('Call-ID')[0] === `Call-ID: ${id}-${peer.port}`,
      );
    };
    const unsupported = await ask('a', ['Content-Type: text/plain'], 'hello');
    expect(unsupported.status).toBe(415);
    expect(unsupported.lines('Accept')).toEqual(['Accept: application/sdp, multipart/mixed']);
    const extension = await ask('b', ['Require: replaces, nonsense'], '');
    expect(extension.status).toBe(420);
    expect(extension.lines('Unsupported')[0]).toContain('nonsense');
    const multipart = await ask(
      'c',
      ['Content-Type: multipart/mixed;boundary=xx', 'Session-Expires: 60', 'Supported: timer'],
      `--xx\r\nContent-Type: application/pidf+xml\r\n\r\n<x/>\r\n--xx\r\nContent-Type: application/sdp\r\n\r\n${ANSWER_SDP}\r\n--xx--\r\n`,
    );
    expect(multipart.status).toBe(422);
    expect(multipart.lines('Min-SE')).toEqual(['Min-SE: 90']);
    peer.close();
  });

  it('above the rate of the profile, with Retry-After, while other sources are served', async () => {
    app = await startSipApplication({
      profileDocuments: [LOCAL_PROFILE, trunk('  rateLimit: { perSecond: 0.5, burst: 3 }\n')],
      handler: (call) => call.reject(486, 'busy'),
    });
    const [limited, free] = await Promise.all([
      runSipp({
        target: app.address,
        address: '127.0.0.2',
        calls: 10,
        rate: 50,
        scenario: scenario(
          invite(),
          expectMessage(100, { optional: true }),
          expectMessage(486, { optional: true }).replace('/>', ' next="1"/>'),
          expectMessage(503, { matches: ['Retry-After: [12]'] }),
          '<label id="1"/>',
          ackFailure(),
        ),
      }),
      runSipp({ target: app.address, calls: 10, rate: 50, scenario: refused(486) }),
    ]);
    expect(limited).toMatchObject({ code: 0, successful: 10 });
    expect(free).toMatchObject({ code: 0, successful: 10 });
    expect(app.rejected.filter((entry) => entry.reason === 'rate-limit')).toHaveLength(7);
  });

  it('while the gateway drains, and OPTIONS says so too', async () => {
    app = await startSipApplication({ draining: () => true });
    expect(await runSipp({ target: app.address, scenario: refused(503, {}, ['Retry-After: 30']) })).toMatchObject({
      code: 0,
    });
    expect(app.rejected).toEqual([{ reason: 'draining', profile: 'local' }]);
    const options = await runSipp({
      target: app.address,
      scenario: scenario(inDialog('OPTIONS', 1), expectMessage(503)),
    });
    expect(options.code).toBe(0);
  });
});

describe('credentials', () => {
  const digest = trunk(
    '  digest: { realm: gateway, algorithms: [MD5, SHA-256], users: [{ username: bob, password: secret }] }\n',
  );
  const withDigest = (password: string, last: number) =>
    scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(401, { auth: true, matches: ['algorithm=SHA-256'] }),
      ackFailure(),
      invite({ cseq: 2, auth: `[authentication username=bob password=${password}]` }),
      expectMessage(100, { optional: true }),
      expectMessage(last),
      last === 200 ? inDialog('ACK', 2) : ackFailure(2),
      ...(last === 200 ? [inDialog('BYE', 3), expectMessage(200)] : []),
    );

  it('that are right let the call in, and the challenge is no warning', async () => {
    app = await startSipApplication({ profileDocuments: [LOCAL_PROFILE, digest] });
    const sipp = await startSipp({ target: app.address, address: '127.0.0.2', scenario: withDigest('secret', 200) });
    const events = recordEvents();
    const call = await app.nextCall();
    await call.answer(ANSWER_SDP, events);
    await events.over;
    const result = await sipp.done;
    expect(result).toMatchObject({ code: 0 });
    expect(app.lines.filter((line) => line.level === 'warn')).toEqual([]);
    app.ladder.bind('s1', call.sipCallId);
    const view = app.ladder.get('s1');
    const text = JSON.stringify(view);
    expect(text).toContain('username=');
    const response = /response="([0-9a-f]{32})"/.exec(result.messages)?.[1] ?? 'none';
    expect(text).not.toContain(response);
  });

  it('that are wrong are challenged again, with a warning', async () => {
    app = await startSipApplication({ profileDocuments: [LOCAL_PROFILE, digest] });
    const result = await runSipp({ target: app.address, address: '127.0.0.2', scenario: withDigest('guess', 401) });
    expect(result).toMatchObject({ code: 0 });
    expect(app.rejected.map((entry) => entry.reason)).toEqual(['digest-missing', 'digest-wrong']);
    expect(app.lines.filter((line) => line.level === 'warn')).toHaveLength(1);
  });
});

describe('requests outside of dialogs', () => {
  const cases: readonly (readonly [string, number, readonly string[]])[] = [
    ['OPTIONS', 200, ['Allow: INVITE']],
    ['REGISTER', 405, ['Allow: INVITE']],
    ['SUBSCRIBE', 405, ['Allow: INVITE']],
    ['MESSAGE', 405, ['Allow: INVITE']],
    ['PUBLISH', 405, ['Allow: INVITE']],
    ['REFER', 405, ['Allow:']],
    ['NOTIFY', 481, []],
    ['INFO', 481, []],
    ['BYE', 481, []],
    ['FROBNICATE', 501, []],
  ];
  for (const [method, status, matches] of cases) {
    // A drachtio-server answers some of these itself, and drops REFER and unknown methods.
    onEmbeddedEngine(`${method} gets ${status}`, async () => {
      app = await startSipApplication();
      const headers = {
        SUBSCRIBE: 'Event: presence\nExpires: 60',
        PUBLISH: 'Event: presence',
        NOTIFY: 'Event: x\nSubscription-State: active',
        REFER: 'Refer-To: <sip:a@b.example>',
      };
      const extra = Object.entries(headers).find(([name]) => name === method)?.[1];
      const result = await runSipp({
        target: app.address,
        scenario: scenario(
          inDialog(method, 1, extra === undefined ? {} : { headers: extra }),
          expectMessage(status, { matches }),
        ),
      });
      expect(result.errors.replace(/Resolving.*/, '')).toBe('\n');
      expect(result.code).toBe(0);
    });
  }
});

describe('the ladder of a call', () => {
  onEmbeddedEngine('shows every message on the wire between the lifelines, and keeps keys to itself', async () => {
    app = await startSipApplication();
    const key = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite({ body: sdp({ extra: `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^31` }) }),
        expectMessage(100, { optional: true }),
        expectMessage(180),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('BYE', 2),
        expectMessage(200),
      ),
    });
    const call = await app.nextCall();
    app.ladder.bind('session-1', call.sipCallId);
    call.ring();
    const events = recordEvents();
    await call.answer(ANSWER_SDP, events);
    await events.over;
    await sipp.done;
    const view = await until('the last message', () => {
      const found = app.ladder.get('session-1');
      return found !== null && found.entries.length >= 7 ? found : null;
    });
    expect(view.entries.map((entry) => entry.label)).toEqual([
      'INVITE',
      '100 Trying (INVITE)',
      '180 Ringing (INVITE)',
      '200 OK (INVITE)',
      'ACK',
      'BYE',
      '200 OK (BYE)',
    ]);
    const text = ladderText(view, { messages: true });
    expect(text).toContain(`127.0.0.1:${sipp.port}`);
    expect(text).toMatch(/\| *-+ INVITE SDP -+>\|/);
    expect(text).toMatch(/\|<-+ 200 OK \(INVITE\) SDP -+ *\|/);
    expect(text).not.toContain(key);
    expect(text).toContain('a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:');
  });
});
