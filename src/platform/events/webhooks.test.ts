import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type HttpsTarget, startHttpsTarget } from '../../../test/support/https-target.js';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { until } from '../../../test/support/until.js';
import { systemClock } from '../../core/clock.js';
import { silentLogger } from '../../core/logger.js';
import { createSessionStore, type OwnedSession, type SessionStoreRuntime } from '../../domain/sessions/index.js';
import { createEgressClient, createEgressPolicy, type EgressClient, parseAllowList } from '../egress/index.js';
import { connectRedis, type RedisConnection } from '../redis/index.js';
import { createVault, parseKeyRing } from '../vault/index.js';
import { createDeadLetters, createWebhookEndpoints, createWebhooks, type Webhooks, webhookEvents } from './index.js';

let server: TestRedis;
let redis: RedisConnection;
let target: HttpsTarget;
let egress: EgressClient;
let store: SessionStoreRuntime;
let orgId: string;
const running: Webhooks[] = [];
const clock = systemClock;
const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));

beforeAll(async () => {
  server = await startTestRedis();
  redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(5_000);
  target = await startHttpsTarget();
  egress = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList(`localhost|127.0.0.0/8|${target.port}`) }),
    extraAuthorities: [target.authority],
  });
  store = createSessionStore({ redis, instanceId: randomUUID(), log: silentLogger });
  await store.start();
});
afterAll(async () => {
  await store?.stop(500);
  await egress?.close();
  await target?.close();
  await redis?.close();
  await server?.stop();
});
beforeEach(() => {
  orgId = `org-${randomUUID()}`;
  target.requests.length = 0;
  target.respond = (_, response) => void response.end('{}');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((webhooks) => webhooks.stop()));
});

const parts = (delays: readonly number[] = [10, 10]) => {
  const endpoints = createWebhookEndpoints({ redis, vault, clock });
  const deadLetters = createDeadLetters(redis);
  const session = async (org: string, id: string): Promise<unknown> => ({ org, id });
  const common = { redis, endpoints, deadLetters, egress, session, exclusive: true, clock, log: silentLogger, delays };
  const webhooks = createWebhooks({ ...common, instanceId: randomUUID() });
  running.push(webhooks);
  return { endpoints, deadLetters, webhooks };
};
const call = (): Promise<OwnedSession> =>
  store.create({
    ...{ id: randomUUID(), orgId, agentId: 'a', direction: 'inbound', called: '+14155550100' },
    caller: { e164: null, raw: '', display: null, withheld: true },
    ...{ sipCallId: randomUUID(), profile: 'local', startedAt: clock.now(), linkContact: false },
    first: { at: clock.now(), type: 'call.received', data: { called: '+14155550100' } },
  });
type Body = { id: string; type: string; at: string; organization: string; data: { session: unknown; detail: unknown } };
const bodies = (): Body[] => target.requests.map(({ body }) => JSON.parse(body) as Body);

it('an endpoint hears of a call what it asked for, signed so that it can tell', async () => {
  const { endpoints, webhooks } = parts();
  const url = `${target.origin}/calls`;
  const { secret } = await endpoints.create(orgId, { url, events: webhookEvents });
  await endpoints.create(orgId, { url: `${target.origin}/ends`, events: ['phone_call.ended'] });
  const session = await call();
  for (const type of ['call.answered', 'agent.said', 'transfer.failed', 'transfer.connected'] as const) {
    session.note(type, { n: type });
  }
  await session.change({ status: 'ended', timeline: [{ at: clock.now(), type: 'call.ended', data: { reason: 'x' } }] });
  await webhooks.start();
  await until('all that is told', () => target.requests.length === 6);
  const told = target.requests.map(({ url: path, headers }) => `${path} ${headers['x-opencx-event']}`);
  expect(told.sort()).toEqual([
    ...[...webhookEvents].sort().map((event) => `/calls ${event}`),
    '/ends phone_call.ended',
  ]);
  const started = bodies().find(({ type }) => type === 'phone_call.started');
  expect(started).toEqual({
    ...{ id: `${session.id}.1-1`, type: 'phone_call.started', at: expect.any(String), organization: orgId },
    data: { session: { org: orgId, id: session.id }, detail: { called: '+14155550100' } },
  });
  for (const { url: path, headers, body } of target.requests.filter((each) => each.url === '/calls')) {
    const [, seconds = '', signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-opencx-signature'])) ?? [];
    expect([path, signature]).toEqual([path, createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')]);
    expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(60);
    expect(headers['x-opencx-delivery']).toBe((JSON.parse(body) as Body).id);
  }
  await until('an empty queue', async () => (await redis.command('XLEN', `vg:{${orgId}}:webhook-work`)) === 0);
});

it('one that fails is told again with the same id, until it takes it', async () => {
  const { endpoints, webhooks, deadLetters } = parts();
  await endpoints.create(orgId, { url: target.origin, events: ['phone_call.started'] });
  let left = 2;
  target.respond = (_, response) => {
    left -= 1;
    response.writeHead(left >= 0 ? 503 : 204).end();
  };
  await call();
  await webhooks.start();
  await until('the third attempt', () => target.requests.length === 3);
  expect(new Set(bodies().map(({ id }) => id)).size).toBe(1);
  expect(await deadLetters.list(orgId, { limit: 10 })).toEqual({ items: [], next: null });
});

it('one that never takes it leaves a dead letter, which can be sent again', async () => {
  const { endpoints, webhooks, deadLetters } = parts();
  const { endpoint } = await endpoints.create(orgId, { url: target.origin, events: ['phone_call.started'] });
  target.respond = (_, response) => void response.writeHead(500).end();
  const session = await call();
  await webhooks.start();
  const [letter] = await until('the dead letter', async () => {
    const letters = (await deadLetters.list(orgId, { limit: 10 })).items;
    return letters.length === 1 ? letters : null;
  });
  expect(target.requests).toHaveLength(3);
  expect(letter).toMatchObject({ endpointId: endpoint.id, sessionId: session.id, reason: 'it answered 500' });
  target.respond = (_, response) => void response.end();
  expect(await deadLetters.resend(orgId, '1-1')).toBe(false);
  expect(await deadLetters.resend(orgId, letter?.id ?? '')).toBe(true);
  webhooks.wake(orgId);
  await until('the delivery', () => target.requests.length === 4);
  expect(new Set(bodies().map(({ id }) => id)).size).toBe(1);
  expect(await deadLetters.list(orgId, { limit: 10 })).toEqual({ items: [], next: null });
});

it('what a stopped gateway has not told, the next one tells', async () => {
  const first = parts(Array.from({ length: 1_000 }, () => 200));
  await first.endpoints.create(orgId, { url: target.origin, events: ['phone_call.started'] });
  target.respond = (_, response) => void response.writeHead(503).end();
  await call();
  await first.webhooks.start();
  await until('the first attempt', () => target.requests.length > 0);
  await first.webhooks.stop();
  const before = target.requests.length;
  let taken = 0;
  target.respond = (_, response) => {
    taken += 1;
    response.end();
  };
  await parts().webhooks.start();
  await until('the delivery', () => taken === 1);
  expect(target.requests).toHaveLength(before + 1);
});

it('an address the gateway may not reach is never asked, and the reason is told', async () => {
  const { endpoints, webhooks, deadLetters } = parts([]);
  const { endpoint } = await endpoints.create(orgId, {
    url: 'https://169.254.169.254/x',
    events: ['phone_call.started'],
  });
  expect(await webhooks.ping(endpoint)).toMatchObject({
    ok: false,
    status: null,
    reason: expect.stringMatching(/metadata/),
  });
  await call();
  await webhooks.start();
  await until('the dead letter', async () => (await deadLetters.list(orgId, { limit: 10 })).items.length === 1);
});

it('the secret is sealed in the store, and moves with a rotation of keys', async () => {
  const { endpoints } = parts();
  const { endpoint, secret } = await endpoints.create(orgId, { url: target.origin, events: ['phone_call.ended'] });
  const stored = String(await redis.command('HGETALL', `vg:{${orgId}}:webhooks`));
  expect(stored).toContain(endpoint.id);
  expect(stored).not.toContain(secret);
  expect(endpoints.secretOf(endpoint)).toBe(secret);
  expect(await endpoints.sealed.rewrap(orgId)).toEqual({ moved: 0, unreadable: 0 });
  expect([...(await endpoints.sealed.count(orgId))]).toEqual([['k', 1]]);
  expect(await endpoints.remove(orgId, endpoint.id)).toBe(true);
  await call();
  expect(await redis.command('EXISTS', `vg:{${orgId}}:webhook-work`)).toBe(0);
});

it('dead letters are given page by page, each once, the newest first', async () => {
  const { deadLetters } = parts();
  const given = (id: number) => ({
    ...{ endpointId: 'e', deliveryId: String(id), event: 'phone_call.ended' as const, sessionId: 's' },
    ...{ at: id, data: '{}' },
  });
  for (const id of [1, 2, 3, 4, 5]) await deadLetters.add('letters', given(id), id, 'no');
  const seen: number[] = [];
  let cursor: string | undefined;
  do {
    const { items, next } = await deadLetters.list('letters', { limit: 2, cursor });
    seen.push(...items.map(({ at }) => at));
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual([5, 4, 3, 2, 1]);
});
