import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.js';
import { connectRedis, type RedisConnection, replyTexts } from '../../src/platform/redis/index.js';
import { type EngineHandle, startEngineInWorker } from '../../src/telephony/sip-engine/index.js';
import { type Callees, startCallees } from '../support/callee.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { type HttpsTarget, startHttpsTarget } from '../support/https-target.js';
import { sharedEnvironment, startInstances } from '../support/instances.js';
import { sessionOf, sessionsOf } from '../support/listed-sessions.js';
import { freePort } from '../support/ports.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { runSipp, type SippRun, startSipp } from '../support/sipp.js';
import { ackFailure, expectMessage, inDialog, invite, pause, reply, scenario, send } from '../support/sipp-scenario.js';
import { until } from '../support/until.js';

const patience = 30_000;
let redis: TestRedis;
let store: RedisConnection;
let shop: HttpsTarget;
let callees: Callees;
let folder: string;
let env: Readonly<Record<string, string>>;
const running = new Set<TestGateway>();
const runs: SippRun[] = [];
let engine: EngineHandle | null = null;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vg-instances-'));
  [redis, shop, callees] = await Promise.all([startTestRedis(), startHttpsTarget(), startCallees(() => 'answers')]);
  store = connectRedis({ socketPath: redis.socketPath, log: silentLogger });
  await store.ready(patience);
  writeFileSync(join(folder, 'authorities.pem'), shop.authority);
  env = {
    ...sharedEnvironment(`unix://${redis.socketPath}`),
    EGRESS_ALLOW: `localhost|127.0.0.0/8|${shop.port}`,
    EGRESS_AUTHORITIES: join(folder, 'authorities.pem'),
  };
}, 60_000);
afterAll(async () => {
  await Promise.all(runs.map((run) => run.stop()));
  await Promise.all([...running].map((gateway) => gateway.stop()));
  await engine?.close();
  await callees?.close();
  await shop?.close();
  await store?.close();
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const organization = () => ({
  organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
  numbers: [{ number: '+14155550100', agent: 'support', profile: 'local', verified: true }],
  agents: [
    {
      ...{ id: 'support', name: 'Support', actions: ['look_up'], transferDestinations: ['desk'] },
      leg: { type: 'builtin', script: { steps: [{ wait: 300 }] } },
    },
  ],
  transferDestinations: [{ id: 'desk', name: 'Desk', type: 'sip', value: `sip:desk@127.0.0.1:${callees.port}` }],
  actions: [{ name: 'Look up', method: 'GET', url: `${shop.origin}/orders` }],
});

/** Callers of one area code, for sipp's `[field0]`; its third digit says over which instance they call. */
const callersFile = (area: number, count: number): readonly string[] => {
  const file = join(folder, `${area}.csv`);
  const numbers = Array.from({ length: count }, (_, n) => `+1${area}555${String(n).padStart(4, '0')};`);
  writeFileSync(file, `SEQUENTIAL\n${numbers.join('\n')}\n`);
  return ['-inf', file];
};
const from = '<sip:[field0]@[local_ip]:[local_port]>';
/** Callers over one instance, each in a call until it gets our BYE. */
const callersOf = async (gateway: TestGateway, index: number, calls: number): Promise<SippRun> => {
  const run = await startSipp({
    target: `127.0.0.1:${gateway.sipPort}`,
    ...{ calls, rate: 25, timeout: 100_000, args: callersFile(410 + index, 100) },
    scenario: scenario(
      invite({ from }),
      expectMessage(100, { optional: true }),
      expectMessage(200),
      inDialog('ACK', 1),
      expectMessage('BYE'),
      reply('200 OK', { tag: false }),
    ),
  });
  runs.push(run);
  return run;
};
const activeCalls = (gateway: TestGateway, count: number) =>
  until(
    `${count} calls`,
    async () => {
      const live = await sessionsOf(gateway, 'live=true');
      return live.length === count && live.every(({ status }) => status === 'active') ? live : null;
    },
    patience,
  );
const indexOf = (session: { readonly caller: { readonly e164: string | null } }): number =>
  Number(session.caller.e164?.[4]);
const at = <T>(list: readonly T[], index: number): T => {
  const found = list[index % list.length];
  if (found === undefined) throw new Error('the list is empty');
  return found;
};
const hangUp = async (gateway: TestGateway, id: string): Promise<number> =>
  (await gateway.api(`/v1/sessions/${id}/hangup`, { method: 'POST' })).status;

describe('four instances on one Redis', () => {
  let instances: readonly TestGateway[] = [];
  beforeAll(async () => {
    instances = await startInstances(4, env);
    for (const instance of instances) running.add(instance);
    await at(instances, 0).apply(organization());
  }, 90_000);

  it('take headers, actions, transfers and hang-ups for calls of any of them', { timeout: 60_000 }, async () => {
    const lines = await Promise.all(instances.map((instance, index) => callersOf(instance, index, 1)));
    const sessions = await activeCalls(at(instances, 0), 4);
    await Promise.all(
      sessions.map(async ({ id, caller }) => {
        const own = indexOf({ caller });
        const [one, two, three] = [1, 2, 3].map((step) => at(instances, own + step)) as [
          TestGateway,
          TestGateway,
          TestGateway,
        ];
        const headers = { 'X-Tenant': `tenant-${own}` };
        expect((await one.api(`/v1/sessions/${id}/headers`, { method: 'PUT', body: { headers } })).status).toBe(204);
        const action = await two.api(`/v1/sessions/${id}/actions/look_up`, { method: 'POST', body: {} });
        expect(action).toMatchObject({ status: 200, body: { success: true } });
        const transfer = { method: 'POST', body: { destination: 'desk' } };
        expect(await three.api(`/v1/sessions/${id}/transfer?wait=1`, transfer)).toMatchObject({
          body: { outcome: 'connected' },
        });
        expect(await hangUp(one, id)).toBeLessThan(300);
      }),
    );
    expect(shop.requests.map(({ headers }) => headers['x-tenant']).sort()).toEqual([
      ...['tenant-0', 'tenant-1', 'tenant-2', 'tenant-3'],
    ]);
    for (const line of lines) expect(await line.done).toMatchObject({ code: 0, successful: 1 });
    for (const [index, { id }] of sessions.entries()) {
      const seenBy = at(instances, index);
      const ended = await until('the end', async () => {
        const now = await sessionOf(seenBy, id);
        return now.status === 'ended' ? now : null;
      });
      expect(ended.endReason).toBe('api-hangup');
      expect(ended.timeline.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['action.run', 'transfer.connected', 'call.ended']),
      );
    }
  });

  it('of which one is killed under 100 calls: its sessions are ended within 30 s, the others go on', {
    timeout: 120_000,
  }, async () => {
    const [first, ...others] = instances as [TestGateway, ...TestGateway[]];
    const lines = await Promise.all(instances.map((instance, index) => callersOf(instance, index, 25)));
    const before = await activeCalls(first, 100);
    const lost = before.filter((session) => indexOf(session) === 0).map(({ id }) => id);
    expect(lost).toHaveLength(25);
    const dead = String(await store.command('HGET', `vg:{acme}:session:${lost[0]}`, 'instanceId'));
    const killed = performance.now();
    first.signal('SIGKILL');
    await first.exited;
    running.delete(first);
    const witness = at(others, 0);
    const ended = await until(
      'the sessions of the dead to be ended',
      async () => {
        const found = await sessionsOf(witness, 'endReason=instance-lost');
        return found.length === 25 ? found : null;
      },
      60_000,
    );
    const seconds = (performance.now() - killed) / 1_000;
    console.info(`25 sessions of 100 ended as instance-lost after ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(30);
    expect(ended.map(({ id }) => id).sort()).toEqual([...lost].sort());
    for (const id of lost) {
      const { timeline } = await sessionOf(witness, id);
      expect(timeline.filter(({ type }) => type === 'call.ended')).toHaveLength(1);
    }
    // The calls of the others are all there, and each hangs up when another than its owner says so.
    const left = await activeCalls(witness, 75);
    expect(new Set(left.map(indexOf))).toEqual(new Set([1, 2, 3]));
    await Promise.all(
      left.map(async (session) => {
        expect(await hangUp(at(others, indexOf(session)), session.id)).toBeLessThan(300);
      }),
    );
    for (const line of lines.slice(1)) expect(await line.done).toMatchObject({ code: 0, successful: 25, failed: 0 });
    await lines[0]?.stop();
    await activeCalls(witness, 0);
    const reasons = (await sessionsOf(witness)).map(({ endReason }) => endReason);
    expect(reasons.filter((reason) => reason === 'api-hangup')).toHaveLength(4 + 75);
    const keys = replyTexts(await store.command('KEYS', 'vg:*'));
    expect(keys.filter((key) => /:live\b|:owned:/.test(key))).toEqual([]);
    expect(replyTexts(await store.command('SMEMBERS', 'vg:{acme}:owners'))).not.toContain(dead);
    expect(replyTexts(await store.command('ZRANGE', 'vg:{@instances}:beats', 0, -1))).not.toContain(dead);
  });

  it('of which one gets SIGTERM under 50 calls: it names them, refuses new ones, and ends when they have', {
    timeout: 60_000,
  }, async () => {
    const [, leaving, other] = instances as [TestGateway, TestGateway, TestGateway];
    const line = await callersOf(leaving, 1, 50);
    const calls = await activeCalls(other, 50);
    leaving.signal('SIGTERM');
    const waiting = await leaving.waitForLog(({ msg }) => msg === 'waiting for calls to end', patience);
    expect([...(waiting.sessions as string[])].sort()).toEqual(calls.map(({ id }) => id).sort());
    const target = `127.0.0.1:${leaving.sipPort}`;
    const refused = await runSipp({
      ...{ target, calls: 5, timeout: patience },
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(503, { matches: ['Retry-After: [0-9]+'] }),
        ackFailure(),
      ),
    });
    expect(refused, refused.errors).toMatchObject({ code: 0, successful: 5 });
    const options = `OPTIONS sip:127.0.0.1 SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:probe@[local_ip]>;tag=probe[call_number]
      To: <sip:[remote_ip]>
      Call-ID: [call_id]
      CSeq: 1 OPTIONS
      Max-Forwards: 70
      Content-Length: 0`;
    const asked = await runSipp({ target, timeout: patience, scenario: scenario(send(options), expectMessage(503)) });
    expect(asked, asked.errors).toMatchObject({ code: 0 });
    expect(await activeCalls(other, 50)).toHaveLength(50);
    await Promise.all(calls.map(async ({ id }) => expect(await hangUp(other, id)).toBeLessThan(300)));
    expect(await line.done).toMatchObject({ code: 0, successful: 50, failed: 0 });
    expect(await leaving.exited).toEqual({ code: 0, signal: null });
    running.delete(leaving);
    await activeCalls(other, 0);
  });

  afterAll(async () => {
    await Promise.all(
      instances.map(async (instance) => {
        running.delete(instance);
        await instance.stop();
      }),
    );
  });
});

describe('two instances on one SIP server', () => {
  it('are restarted one after the other under load, and no call is cut', { timeout: 150_000 }, async () => {
    const secret = 'rolling';
    const sipPort = await freePort();
    engine = await startEngineInWorker({
      listen: [{ transport: 'udp', address: '127.0.0.1', port: sipPort }],
      admin: { host: '127.0.0.1', port: 0, secret },
      forgetDialogs: true,
    });
    const behind = {
      ...env,
      ...{ DRACHTIO_HOST: '127.0.0.1', DRACHTIO_PORT: String(engine.adminPort), DRACHTIO_SECRET: secret },
    };
    const started = await startInstances(2, behind);
    for (const instance of started) running.add(instance);
    await at(started, 0).apply(organization());
    const load = await startSipp({
      target: `127.0.0.1:${sipPort}`,
      ...{ calls: 100_000, rate: 8, timeout: 120_000, args: callersFile(313, 2_000) },
      scenario: scenario(
        invite({ from }),
        expectMessage(100, { optional: true }),
        expectMessage(200),
        inDialog('ACK', 1),
        pause(1_500),
        inDialog('BYE', 2),
        expectMessage(200),
      ),
    });
    runs.push(load);
    const ofLoad = async (gateway: TestGateway, query = '') =>
      (await sessionsOf(gateway, query)).filter(({ caller }) => caller.e164?.startsWith('+1313'));
    let current = [...started];
    for (const leaving of started) {
      const [staying] = current.filter((each) => each !== leaving) as [TestGateway];
      await until('calls to come', async () => (await ofLoad(staying, 'live=true')).length > 5, patience);
      leaving.signal('SIGTERM');
      expect(await leaving.exited, leaving.output().slice(-2_000)).toEqual({ code: 0, signal: null });
      running.delete(leaving);
      await leaving.stop();
      const next = await startGateway({ env: behind });
      running.add(next);
      current = [staying, next];
    }
    const last = at(current, 1);
    await until('calls on the last instance', async () => (await ofLoad(last, 'live=true')).length > 5, patience);
    load.finish();
    const result = await load.done;
    console.info(`rolling restart of two instances: ${result.successful} calls, ${result.failed} failed`);
    expect(result.failed, result.errors).toBe(0);
    expect(result.successful).toBeGreaterThan(20);
    await until('the last calls to end', async () => (await ofLoad(last, 'live=true')).length === 0, patience);
    const sessions = await ofLoad(last);
    expect(sessions).toHaveLength(result.successful);
    expect(new Set(sessions.map(({ endReason }) => endReason))).toEqual(new Set(['caller-hangup']));
    const owners = new Set<string>();
    for (const { id } of sessions)
      owners.add(String(await store.command('HGET', `vg:{acme}:session:${id}`, 'instanceId')));
    expect(owners.size).toBeGreaterThanOrEqual(3);
  });
});
