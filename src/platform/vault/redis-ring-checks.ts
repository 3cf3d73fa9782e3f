import { type RedisConnection, replyFields, replyText, scriptOf, sharedKey } from '../redis/index.js';
import type { RingCheckStore } from './vault.js';

const key = sharedKey('vault', 'ring-checks');
const addScript = scriptOf(
  'add-ring-check',
  "redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) return redis.call('HGET', KEYS[1], ARGV[1])",
);

/** The ring's check values in Redis, one hash for the whole deployment. */
export const redisRingChecks = (redis: RedisConnection): RingCheckStore => ({
  all: async () => Object.fromEntries(replyFields(await redis.command('HGETALL', key))),
  add: async (kid, value) => replyText(await redis.run(addScript, [key], [kid, value])),
  remove: async (kid) => void (await redis.command('HDEL', key, kid)),
});
