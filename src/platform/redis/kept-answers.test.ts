import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { systemClock } from '../../core/clock.js';
import { deferred } from '../../core/deferred.js';
import { silentLogger } from '../../core/logger.js';
import { createVault, parseKeyRing } from '../vault/index.js';
import { connectRedis, type RedisConnection } from './connection.js';
import { createKeptAnswers, type KeptAnswersOptions } from './kept-answers.js';

let server: TestRedis;
let connections: RedisConnection[];
const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));
const base = { vault, clock: systemClock, log: silentLogger };

beforeAll(async () => {
  server = await startTestRedis();
  connections = [1, 2].map(() => connectRedis({ socketPath: server.socketPath, log: silentLogger }));
  await Promise.all(connections.map((each) => each.ready(20_000)));
});
afterAll(async () => {
  await Promise.all(connections.map((each) => each.close()));
  await server.stop();
});

/** What two instances on one Redis have. */
const instances = (options: Partial<KeptAnswersOptions> = {}) => {
  const [one, two] = connections.map((redis) => createKeptAnswers({ ...base, redis, ...options }));
  if (one === undefined || two === undefined) throw new Error('two connections');
  return [one, two] as const;
};
const request = (key: string, fingerprint = 'call') => ({ organization: 'acme', key, fingerprint });
const counter = () => {
  let made = 0;
  return Object.assign(async () => ({ session: `s${++made}` }), { made: () => made });
};

describe('answers by Idempotency-Key, over instances', () => {
  it('are the first one’s on every instance, also while it is under way; nothing is done twice', async () => {
    const [one, two] = instances();
    const [begun, go] = [deferred<void>(), deferred<void>()];
    let made = 0;
    const first = one.once(request('a'), async () => {
      made += 1;
      begun.resolve();
      await go.promise;
      return { session: 's1' };
    });
    await begun.promise;
    const others = [two, one, two].map((each) => each.once(request('a'), counter()));
    go.resolve();
    expect(await Promise.all([first, ...others])).toEqual(Array(4).fill({ session: 's1' }));
    const late = counter();
    expect([await two.once(request('a'), late), late.made(), made]).toEqual([{ session: 's1' }, 0, 1]);
  });

  it('are refused for another request under the key, done or under way', async () => {
    const [one, two] = instances();
    const go = deferred<void>();
    const first = one.once(request('b'), () => go.promise);
    const refusal = { code: 'conflict', message: 'This Idempotency-Key was used for another request.' };
    await expect(one.once(request('b', 'other'), counter())).rejects.toMatchObject(refusal);
    await expect(two.once(request('b', 'other'), counter())).rejects.toMatchObject(refusal);
    go.resolve();
    await first;
    await expect(two.once(request('b', 'other'), counter())).rejects.toMatchObject(refusal);
    // Another organization's key is another key.
    expect(await two.once({ ...request('b', 'other'), organization: 'globex' }, counter())).toEqual({ session: 's1' });
  });

  it('leave nothing behind when the request was refused', async () => {
    const [one, two] = instances();
    await expect(one.once(request('c'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await two.once(request('c', 'better'), counter())).toEqual({ session: 's1' });
  });

  it('stay unknown when the instance was lost in the middle: it is not done again', async () => {
    const [one, two] = instances({ patience: 0 });
    const begun = deferred<void>();
    void one.once(request('d'), () => {
      begun.resolve();
      return new Promise(() => {});
    });
    await begun.promise;
    const again = counter();
    await expect(two.once(request('d'), again)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('its instance was lost'),
    });
    expect(again.made()).toBe(0);
  });

  it('cannot be read in Redis, and are forgotten, the oldest first when there are too many', async () => {
    const [one, two] = instances({ most: 2 });
    const of = (key: string) => ({ ...request(key), organization: 'initech' });
    for (const key of ['x', 'y', 'z']) await one.once(of(key), async () => ({ key: `ocx_live_secret_${key}` }));
    const [redis] = connections;
    const names = (await redis?.command('KEYS', 'vg:{initech}:kept-answer:*')) as string[];
    expect(names).toHaveLength(2);
    for (const name of names) {
      expect(String(await redis?.command('GET', name))).not.toContain('ocx_live');
      expect(Number(await redis?.command('PTTL', name))).toBeGreaterThan(500_000);
    }
    expect(await two.once(of('z'), counter())).toEqual({ key: 'ocx_live_secret_z' });
    expect(await two.once(of('x'), counter())).toEqual({ session: 's1' });
  });

  it('that are too large to keep are not given again, and nothing is done again', async () => {
    const [one, two] = instances({ patience: 0 });
    expect(await one.once(request('f'), async () => 'x'.repeat(1_100_000))).toHaveLength(1_100_000);
    await expect(two.once(request('f'), counter())).rejects.toMatchObject({ code: 'conflict' });
  });

  it('are not asked for in vain: without Redis nothing is done', async () => {
    const away = connectRedis({ socketPath: `${server.dir}/nobody.sock`, log: silentLogger });
    try {
      const make = counter();
      const answers = createKeptAnswers({ ...base, redis: away });
      await expect(answers.once(request('e'), make)).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(make.made()).toBe(0);
    } finally {
      await away.close();
    }
  });
});
