import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { until } from '../../../test/support/until.js';
import { silentLogger } from '../../core/logger.js';
import { type ManualClock, manualClock } from '../../core/manual-clock.js';
import { connectRedis, type RedisConnection } from '../../platform/redis/index.js';
import { createOutboundMeter, type OutboundLease, type OutboundMeter } from './meter.js';

let server: TestRedis;
let redis: RedisConnection;
let clock: ManualClock;

/** Two instances on one Redis. */
let one: OutboundMeter;
let other: OutboundMeter;
const open: OutboundLease[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(5_000);
  clock = manualClock(Date.now());
  one = createOutboundMeter({ redis, clock, log: silentLogger });
  other = createOutboundMeter({ redis, clock, log: silentLogger });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((lease) => lease.release()));
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

const caps = { maxCalls: 1_000, dailyMinutes: 1_000 };
const never = (): void => {
  throw new Error('the minutes were not used up');
};
const taken = async (meter: OutboundMeter, org: string, limits = caps, onExhausted = never): Promise<OutboundLease> => {
  const lease = await meter.reserve(org, limits, onExhausted);
  if (typeof lease === 'string') throw new Error(`refused: ${lease}`);
  open.push(lease);
  return lease;
};
const minutes = async (org: string): Promise<number> => (await one.usage(org)).minutesToday;

describe('the meter of outbound calls', () => {
  it('gives exactly as many places as there are, to two instances at once', async () => {
    const limits = { maxCalls: 7, dailyMinutes: 1_000 };
    const asked = Array.from({ length: 100 }, (_, index) => (index % 2 ? one : other).reserve('places', limits, never));
    const answers = await Promise.all(asked);
    const leases = answers.filter((answer) => typeof answer !== 'string');
    expect(leases).toHaveLength(7);
    expect(new Set(answers.filter((answer) => typeof answer === 'string'))).toEqual(new Set(['calls']));
    expect(await other.usage('places')).toEqual({ calls: 7, minutesToday: 7 });
    await Promise.all(leases.map((lease) => lease.release()));
    expect(await one.usage('places')).toEqual({ calls: 0, minutesToday: 0 });
  });

  it('never lets calls at once overdraw the minutes of the day', async () => {
    const limits = { maxCalls: 1_000, dailyMinutes: 7 };
    const answers = await Promise.all(Array.from({ length: 50 }, () => one.reserve('minutes', limits, never)));
    const leases = answers.filter((answer) => typeof answer !== 'string');
    open.push(...leases);
    expect(leases).toHaveLength(7);
    expect(answers.filter((answer) => answer === 'minutes')).toHaveLength(43);
  });

  it('counts begun minutes from the answer on, and gives the first one back when nobody answered', async () => {
    const lease = await taken(one, 'counted');
    clock.advance(50_000);
    expect(await minutes('counted')).toBe(1);
    lease.answered();
    lease.answered();
    clock.advance(59_000);
    expect(await minutes('counted')).toBe(1);
    clock.advance(2_000);
    await until('the second minute', async () => ((await minutes('counted')) === 2 ? true : null));
    await lease.release();
    await lease.release();
    expect(await one.usage('counted')).toEqual({ calls: 0, minutesToday: 2 });
    const unanswered = await taken(one, 'counted');
    await unanswered.release();
    expect(await minutes('counted')).toBe(2);
    clock.advance(600_000);
    expect(await minutes('counted')).toBe(2);
  });

  it('tells a call when the day has no further minute for it', async () => {
    let exhausted = 0;
    const limits = { maxCalls: 10, dailyMinutes: 2 };
    const first = await taken(one, 'exhausted', limits, () => {
      exhausted += 1;
    });
    first.answered();
    clock.advance(60_000);
    await until('the second minute', async () => ((await minutes('exhausted')) === 2 ? true : null));
    expect([exhausted, await other.reserve('exhausted', limits, never)]).toEqual([0, 'minutes']);
    clock.advance(60_000);
    await until('the end', async () => (exhausted === 1 ? true : null));
    expect(await minutes('exhausted')).toBe(2);
  });

  it('frees the places of an instance that died when their lease lapses', async () => {
    const limits = { maxCalls: 1, dailyMinutes: 1_000 };
    await taken(one, 'died', limits);
    expect(await other.reserve('died', limits, never)).toBe('calls');
    // What a lease that nobody renewed looks like to Redis.
    await redis.command('ZADD', 'vg:{died}:outbound-live', 'XX', Date.now() - 1, await firstMember('died'));
    await taken(other, 'died', limits);
  });

  it('charges what it owes when Redis is back', async () => {
    const lease = await taken(one, 'outage');
    lease.answered();
    await server.kill();
    clock.advance(60_000);
    await until('Redis to be known as gone', async () => (redis.isUp() ? null : true));
    await server.start();
    await redis.ready(5_000);
    clock.advance(60_000);
    await until('three minutes', async () => ((await minutes('outage').catch(() => 0)) === 3 ? true : null));
  });
});

const firstMember = async (org: string): Promise<string> => {
  const members = await redis.command('ZRANGE', `vg:{${org}}:outbound-live`, 0, 0);
  return Array.isArray(members) ? String(members[0]) : '';
};
