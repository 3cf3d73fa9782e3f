import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { systemClock } from '../../core/clock.js';
import { silentLogger } from '../../core/logger.js';
import { connectRedis, type RedisConnection } from '../../platform/redis/index.js';
import { createRunStore } from './run-store.js';
import type { RunRecord } from './runs.js';

let server: TestRedis;
let redis: RedisConnection;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(5_000);
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});
beforeEach(() => redis.command('FLUSHALL'));

const run = (number: number, more: Partial<RunRecord> = {}): RunRecord => ({
  id: `run-${number}`,
  at: Date.now(),
  organizationId: 'acme',
  sessionId: null,
  action: number % 2 === 0 ? 'even' : 'odd',
  kind: 'webhook',
  test: false,
  durationMs: number,
  success: true,
  statusCode: 200,
  attempts: 1,
  error: null,
  request: { method: 'GET', url: 'https://a.test/', headers: [], body: null },
  response: { headers: [], body: 'b' },
  timing: null,
  notes: [],
  ...more,
});

it('keeps the newest runs, and what is dropped is gone from lists and details alike', async () => {
  const store = createRunStore({ redis, clock: systemClock, retention: 60_000, most: 10 });
  for (let number = 1; number <= 25; number += 1) await store.record(run(number));
  const heads = await store.all('acme', {});
  expect(heads.map((head) => head.id)).toEqual(Array.from({ length: 10 }, (_, index) => `run-${25 - index}`));
  expect(await store.get('acme', 'run-15')).toBeNull();
  expect(await store.get('acme', 'run-16')).toMatchObject({ durationMs: 16 });
  expect(await redis.command('HLEN', 'vg:{acme}:run-details')).toBe(10);
  expect(await store.all('globex', {})).toEqual([]);
});

it('runs older than the retention go with the next run', async () => {
  const store = createRunStore({ redis, clock: systemClock, retention: 60_000 });
  await store.record(run(1));
  const later = createRunStore({
    redis,
    clock: { ...systemClock, now: () => Date.now() + 120_000 },
    retention: 60_000,
  });
  await later.record(run(2));
  // The clock of the test is ahead of Redis', so the newer run is old too: both go, and nothing is left behind.
  expect(await store.all('acme', {})).toEqual([]);
  expect(await redis.command('HLEN', 'vg:{acme}:run-details')).toBe(0);
});

it('pages and filters over more runs than are read at a time, each run once', async () => {
  const store = createRunStore({ redis, clock: systemClock, retention: 60_000 });
  await Promise.all(Array.from({ length: 1_200 }, (_, index) => store.record(run(index))));
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.list('acme', { action: 'odd' }, { limit: 77, ...(cursor === null ? {} : { cursor }) });
    seen.push(...page.items.map((head) => head.id));
    cursor = page.next;
  } while (cursor !== null);
  expect([seen.length, new Set(seen).size]).toEqual([600, 600]);
  const records = await store.records('acme', [seen[3] ?? '', 'gone', seen[1] ?? '']);
  expect(records.map((record) => record.id)).toEqual([seen[3], seen[1]]);
});

it('bodies are kept up to a length', async () => {
  const store = createRunStore({ redis, clock: systemClock, retention: 60_000 });
  await store.record(run(1, { response: { headers: [], body: 'x'.repeat(10_000) } }));
  const kept = await store.get('acme', 'run-1');
  expect(kept?.response?.body).toMatch(/^x{8192}\n\[1808 more characters were not kept\.\]$/);
});
