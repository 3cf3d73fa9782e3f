import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { createSipServer } from '../../../src/telephony/sip/index.js';
import { startEngine } from '../../../src/telephony/sip-engine/index.js';
import { onEmbeddedEngine } from '../../support/embedded-engine.js';
import { freePort } from '../../support/ports.js';
import { rawReply, startRawPeer } from '../../support/raw-peer.js';
import {
  ANSWER_SDP,
  LOCAL_PROFILE,
  type LogLine,
  outgoing,
  recordEvents,
  recordingLogger,
  registryOf,
  type SipApplication,
  startSipApplication,
} from '../../support/sip-application.js';
import { runSipp, startSipp } from '../../support/sipp.js';
import { expectMessage, inDialog, invite, scenario } from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

let app: SipApplication | null = null;
afterEach(async () => {
  await app?.close();
  app = null;
});

const unconnected = async (port: number, secret: string): Promise<unknown> =>
  createSipServer({
    servers: [{ host: '127.0.0.1', port, secret }],
    connectTimeout: 700,
    profiles: registryOf(LOCAL_PROFILE),
    handler: () => {},
    log: recordingLogger([]),
  }).then(
    () => 'connected',
    (error: unknown) => error,
  );

describe('connecting to a SIP server', () => {
  it('that is not there fails with one sentence', async () => {
    const port = await freePort();
    expect(await unconnected(port, 'x')).toMatchObject({
      code: 'sip_unavailable',
      message: expect.stringMatching(/^The SIP server at 127\.0\.0\.1:\d+ cannot be reached: connect ECONNREFUSED/),
    });
  });

  it('with the wrong secret fails with one sentence', async () => {
    const engine = await startEngine({
      listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
      admin: { host: '127.0.0.1', port: 0, secret: randomBytes(8).toString('hex') },
    });
    expect(await unconnected(engine.adminPort, 'wrong')).toMatchObject({
      code: 'sip_unavailable',
      message: `The SIP server at 127.0.0.1:${engine.adminPort} does not accept the secret.`,
    });
    await engine.close();
  });

  onEmbeddedEngine('tells where it listens', async () => {
    app = await startSipApplication();
    expect([...app.server.endpoints()].sort()).toEqual([`tcp/${app.address}`, `udp/${app.address}`]);
    expect(app.server.connected()).toBe(true);
  });
});

describe('a call to ourselves', () => {
  // drachtio-server refuses it: "can not send request to myself".
  onEmbeddedEngine('has two dialogs, and each side hears of the end of the other', async () => {
    app = await startSipApplication();
    const [near, far] = [recordEvents(), recordEvents()];
    const placing = app.server.place(outgoing(`sip:+14155550100@${app.address}`, { events: near }));
    const call = await app.nextCall();
    expect(call.caller.e164).toBe('+14155550123');
    const [placed, answered] = await Promise.all([placing, call.answer(ANSWER_SDP, far)]);
    if (placed.outcome !== 'answered') throw new Error(placed.reason);
    expect(app.server.stats().dialogs).toBe(2);
    expect(await placed.dialog.modify(ANSWER_SDP)).toContain('m=audio');
    expect(await answered.dialog.modify(ANSWER_SDP)).toContain('m=audio');
    await placed.dialog.bye();
    expect((await far.over).by).toBe('remote');
    expect(near.seen).toEqual(['offered']);
    expect(app.server.stats().dialogs).toBe(0);
  });
});

describe('closing', () => {
  it('ends what is left as lost and cancels what rings', async () => {
    app = await startSipApplication();
    const scenarioOfCall = scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(200, { timeout: 3000 }),
      inDialog('ACK', 1),
    );
    const first = await startSipp({ target: app.address, scenario: scenarioOfCall });
    const events = recordEvents();
    await (await app.nextCall()).answer(ANSWER_SDP, events);
    const second = await startSipp({ target: app.address, scenario: scenarioOfCall });
    const ringing = await app.nextCall();
    await app.server.close();
    expect((await events.over).by).toBe('lost');
    expect(ringing.cancelled.aborted).toBe(true);
    expect(app.server.stats()).toEqual({ dialogs: 0, ringing: 0 });
    await Promise.all([first.stop(), second.stop()]);
  });
});

describe('without the tap of the engine', () => {
  it('the ladder has what the SIP library sees', async () => {
    app = await startSipApplication({ wireTap: false, engine: { tap: () => {} } });
    const sipp = await startSipp({
      target: app.address,
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(180),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('INFO', 2),
        expectMessage(200),
        expectMessage('BYE'),
        '<send><![CDATA[\n\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>',
      ),
    });
    const call = await app.nextCall();
    call.ring();
    const { dialog } = await call.answer(ANSWER_SDP, recordEvents());
    const { ladder } = app;
    ladder.bind('s', call.sipCallId);
    const labels = () => ladder.get('s')?.entries.map((entry) => `${entry.direction} ${entry.label}`) ?? [];
    await until('the INFO', () => labels().includes('out 200 OK (INFO)'));
    await dialog.bye();
    expect((await sipp.done).code).toBe(0);
    expect(labels()).toEqual([
      'in INVITE',
      'out 180 Ringing (INVITE)',
      'out 200 OK (INVITE)',
      'in ACK',
      'in INFO',
      'out 200 OK (INFO)',
      'out BYE',
      'in 200 OK (BYE)',
    ]);
  });
});

describe('keep-alive', () => {
  onEmbeddedEngine('sends OPTIONS to a peer, says when it stops answering, and follows the profiles', async () => {
    let mute = false;
    const peer = await startRawPeer((message) => {
      if (!mute && message.method === 'OPTIONS') peer.send(rawReply(message, '405 Method Not Allowed'));
    });
    const lines: LogLine[] = [];
    // Thirty seconds pass in 30 ms, for this application and for the engine's timers alike.
    const fast = {
      now: () => Date.now(),
      after: (ms: number, fn: () => void) => {
        const handle = setTimeout(fn, ms / 1000);
        return { cancel: () => clearTimeout(handle) };
      },
    };
    app = await startSipApplication({
      clock: { ...fast, monotonic: systemClock.monotonic },
      connectTimeout: 5_000_000,
      engine: { clock: { now: fast.now, after: (ms, fn) => fast.after(ms * 5, fn) } },
      log: recordingLogger(lines),
      profileDocuments: [
        LOCAL_PROFILE,
        `name: trunk\nkeepAlive: { target: "sip:ping@127.0.0.1:${peer.port}", interval: 30 }`,
      ],
    });
    const { server } = app;
    await until('the first answer', () => server.peers()[0]?.reachable === true);
    expect(server.peers()[0]).toMatchObject({ profile: 'trunk', reachable: true });
    mute = true;
    await until('the silence', () => server.peers()[0]?.reachable === false);
    mute = false;
    await until('the return', () => server.peers()[0]?.reachable === true);
    expect(lines.filter((line) => line.message.startsWith('SIP peer')).map((line) => line.message)).toEqual([
      'SIP peer answers',
      'SIP peer does not answer OPTIONS',
      'SIP peer answers',
    ]);
    peer.close();
  });
});

describe('a flood of requests outside of dialogs', () => {
  it('from one address gets 503 with Retry-After beyond its burst', async () => {
    app = await startSipApplication();
    const results = await Promise.all([
      runSipp({
        target: app.address,
        address: '127.0.0.7',
        calls: 150,
        rate: 500,
        scenario: scenario(
          inDialog('OPTIONS', 1),
          '<recv response="200" optional="true" next="1"/>',
          '<recv response="503"/>',
          '<label id="1"/>',
        ),
      }),
      runSipp({ target: app.address, scenario: scenario(inDialog('OPTIONS', 1), expectMessage(200)) }),
    ]);
    expect(results.map((result) => [result.code, result.failed])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(results[0]?.messages).toContain('Retry-After:');
  });
});
