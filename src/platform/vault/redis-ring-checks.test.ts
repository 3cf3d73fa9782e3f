import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { silentLogger } from '../../core/logger.js';
import { connectRedis, type RedisConnection } from '../redis/index.js';
import { parseKeyRing } from './key-ring.js';
import { redisRingChecks } from './redis-ring-checks.js';
import { checkRing } from './vault.js';

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

it('lets one of two rings with the same id and other keys start on one Redis, and always the same one', async () => {
  const rings = [1, 2].map(() => parseKeyRing(`k:${randomBytes(32).toString('base64')}`));
  const outcomes = (): Promise<string[]> =>
    Promise.all(
      rings.map((ring) =>
        checkRing(ring, redisRingChecks(redis)).then(
          () => 'ok',
          () => 'refused',
        ),
      ),
    );
  const first = await outcomes();
  expect([...first].sort()).toEqual(['ok', 'refused']);
  expect(await outcomes()).toEqual(first);
});
