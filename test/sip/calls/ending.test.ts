import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../support/gateway.js';
import { endedSession, liveSession, sessionOf, sessionsOf } from '../../support/listed-sessions.js';
import { organization } from '../../support/organization.js';
import { runSipp, type SippRun, startSipp } from '../../support/sipp.js';
import {
  ackFailure,
  expectMessage,
  inDialog,
  invite,
  reply,
  scenario,
  sdp,
  send,
} from '../../support/sipp-scenario.js';
import { until } from '../../support/until.js';

const patient = [{ wait: 300 }];
const ok = reply('200 OK', { tag: false });

let gateways: TestGateway[] = [];
let runs: SippRun[] = [];
let folders: string[] = [];
afterEach(async () => {
  for (const run of runs) await run.stop();
  for (const gateway of gateways) await gateway.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  [gateways, runs, folders] = [[], [], []];
});

const start = async (options: TestGatewayOptions = {}): Promise<TestGateway> => {
  const gateway = await startGateway(options);
  gateways.push(gateway);
  return gateway;
};
/** A data folder that outlives its gateway, so that the next one can tell how the calls ended. */
const keptFolder = (configuration = ''): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vg-ending-'));
  folders.push(folder);
  if (configuration !== '') writeFileSync(join(folder, 'gateway.yaml'), configuration);
  return folder;
};

/** Callers in calls that wait for our BYE; `id` is the session of one of them. */
const waitingCaller = async (gateway: TestGateway, calls = 1): Promise<{ run: SippRun; id: string }> => {
  const run = await startSipp({
    target: `127.0.0.1:${gateway.sipPort}`,
    ...{ calls, rate: 50, timeout: 40_000 },
    scenario: scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(180, { optional: true }),
      expectMessage(200),
      inDialog('ACK', 1),
      expectMessage('BYE'),
      ok,
    ),
  });
  runs.push(run);
  const active = async () => (await sessionsOf(gateway, 'live=true')).filter(({ status }) => status === 'active');
  await until(`${calls} calls`, async () => (await active()).length === calls, 20_000);
  return { run, id: (await liveSession(gateway)).id };
};

describe('on a gateway that goes on', () => {
  let gateway: TestGateway;
  let earlier: ReadonlySet<string>;
  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.apply(organization(patient));
  });
  afterAll(() => gateway?.stop());
  beforeEach(async () => {
    earlier = new Set((await sessionsOf(gateway)).map(({ id }) => id));
  });
  /** The session of the test in progress, once it has ended. */
  const ended = () => endedSession(gateway, ({ id }) => !earlier.has(id));

  it('a CANCEL right behind the INVITE gives 487 and an ended session that was never answered', async () => {
    const socket = connect(gateway.sipPort, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      received += text;
    });
    const message = (method: string, body = ''): string =>
      [
        `${method} sip:+14155550100@127.0.0.1:${gateway.sipPort} SIP/2.0`,
        'Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKcancelled;rport',
        'From: <sip:+14155550123@127.0.0.1>;tag=a',
        'To: <sip:+14155550100@127.0.0.1>',
        'Call-ID: cancelled@phone.test',
        `CSeq: 1 ${method}`,
        'Contact: <sip:ann@127.0.0.1:5060;transport=tcp>',
        'Max-Forwards: 70',
        ...(body === '' ? [] : ['Content-Type: application/sdp']),
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n');
    const offer = sdp()
      .trim()
      .replace(/\[media_ip\]/g, '127.0.0.1')
      .replace('[media_port]', '40000')
      .replace(/\n/g, '\r\n')
      .concat('\r\n');
    // One write: the engine has both before the gateway can have asked its store anything.
    socket.write(message('INVITE', offer) + message('CANCEL'));
    const statusOf = (method: string): string | undefined =>
      received
        .split(/^(?=SIP\/2\.0 \d)/m)
        .filter((response) => response.includes(`CSeq: 1 ${method}`))
        .map((response) => response.split(' ')[1])
        .find((status) => status !== '100');
    await until('the answers to both', () => statusOf('INVITE') !== undefined && statusOf('CANCEL') !== undefined);
    expect(statusOf('CANCEL')).toBe('200');
    expect(statusOf('INVITE')).toBe('487');
    const session = await ended();
    expect(session).toMatchObject({ endReason: 'cancelled', answeredAt: null, caller: { e164: '+14155550123' } });
    expect(session.timeline.map((entry) => entry.type)).not.toContain('call.answered');
    socket.destroy();
  });

  it('a CANCEL that our 200 crosses changes nothing: the caller acknowledges it and hangs up', async () => {
    const result = await runSipp({
      target: `127.0.0.1:${gateway.sipPort}`,
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(200),
        send(`CANCEL sip:+14155550100@[remote_ip]:[remote_port] SIP/2.0
[last_Via]
From: "Ann" <sip:+14155550123@[local_ip]:[local_port]>;tag=caller[call_number]
To: <sip:+14155550100@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70
Content-Length: 0`),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('BYE', 2),
        expectMessage(200),
      ),
    });
    expect(result, result.errors).toMatchObject({ code: 0, retransmissions: 0 });
    const session = await ended();
    expect(session.endReason).toBe('caller-hangup');
    expect(session.timeline.map((entry) => entry.type)).toContain('call.answered');
  });

  it('the API hangs up: BYE to the caller, and the session says so', async () => {
    const { run, id } = await waitingCaller(gateway);
    expect((await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' })).status).toBeLessThan(300);
    expect((await run.done).code).toBe(0);
    expect((await ended()).endReason).toBe('api-hangup');
    expect((await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' })).status).toBe(409);
  });
});

it('a call that lasts too long is ended', async () => {
  const gateway = await start({ dataDir: keptFolder('limits: { maxCallDuration: 1 }\n') });
  await gateway.apply(organization(patient));
  const { run } = await waitingCaller(gateway);
  expect((await run.done).code).toBe(0);
  expect((await endedSession(gateway)).endReason).toBe('max-duration');
});

// Two gateways one after the other: more than the usual time on a busy machine.
describe('SIGTERM', { timeout: 60_000 }, () => {
  const options = `OPTIONS sip:127.0.0.1 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:probe@[local_ip]>;tag=probe[call_number]
To: <sip:[remote_ip]>
Call-ID: [call_id]
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0`;

  it('lets the calls there are go on, names them, refuses new ones and OPTIONS with 503, and ends with exit 0', async () => {
    const dataDir = keptFolder();
    const gateway = await start({ dataDir });
    await gateway.apply(organization(patient));
    const target = `127.0.0.1:${gateway.sipPort}`;
    expect(await runSipp({ target, scenario: scenario(send(options), expectMessage(200)) })).toMatchObject({ code: 0 });
    const { run, id } = await waitingCaller(gateway);
    gateway.signal('SIGTERM');
    const waiting = await gateway.waitForLog((line) => line.msg === 'waiting for calls to end');
    expect(waiting).toMatchObject({ calls: 1, sessions: [id] });
    const refused = scenario(
      invite(),
      expectMessage(100, { optional: true }),
      expectMessage(503, { matches: ['Retry-After: [0-9]+'] }),
      ackFailure(),
    );
    const second = await runSipp({ target, scenario: refused });
    expect(second, second.errors).toMatchObject({ code: 0 });
    expect(await runSipp({ target, scenario: scenario(send(options), expectMessage(503)) })).toMatchObject({ code: 0 });
    expect((await fetch(`${gateway.httpUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${gateway.httpUrl}/livez`)).status).toBe(200);
    expect((await sessionOf(gateway, id)).status).toBe('active');
    await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' });
    expect((await run.done).code).toBe(0);
    expect(await gateway.exited).toEqual({ code: 0, signal: null });
    const next = await start({ dataDir });
    expect((await sessionsOf(next)).map((session) => session.endReason)).toEqual(['api-hangup']);
  });

  it.each([
    { name: 'a second SIGTERM ends', signals: ['SIGTERM', 'SIGTERM'], calls: 1, configuration: '' },
    { name: 'SIGINT ends', signals: ['SIGINT'], calls: 1, configuration: '' },
    { name: 'the drain limit ends', signals: ['SIGTERM'], calls: 50, configuration: 'limits: { drainTimeout: 1 }\n' },
  ] as const)(
    '$name the calls there are ($calls) with BYE, exit 0, and their sessions say so',
    async ({ signals, calls, configuration }) => {
      const dataDir = keptFolder(configuration);
      const gateway = await start({ dataDir });
      await gateway.apply(organization(patient));
      const { run } = await waitingCaller(gateway, calls);
      for (const [index, signal] of signals.entries()) {
        if (index > 0) await gateway.waitForLog((line) => line.msg === 'waiting for calls to end');
        gateway.signal(signal);
      }
      const result = await run.done;
      expect(result, result.errors).toMatchObject({ code: 0, successful: calls, failed: 0 });
      expect(await gateway.exited).toEqual({ code: 0, signal: null });
      const next = await start({ dataDir });
      expect((await sessionsOf(next)).map((session) => session.endReason)).toEqual(Array(calls).fill('drain'));
    },
  );
});
