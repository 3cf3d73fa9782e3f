import { type RedisConnection, replyTexts } from '../../platform/redis/index.js';
import { sessionKeys } from './keys.js';

/** An instance and when it was last heard of, ms since the epoch by the clock of Redis. */
export type InstanceBeat = { readonly id: string; readonly at: number };

/** The instances on this store, those too that have fallen silent and own sessions still. Throws store_unavailable. */
export const readInstances = async (redis: RedisConnection): Promise<readonly InstanceBeat[]> => {
  const reply = replyTexts(await redis.command('ZRANGE', sessionKeys.beats, 0, -1, 'WITHSCORES'));
  const beats: InstanceBeat[] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) beats.push({ id: reply[at] ?? '', at: Number(reply[at + 1]) });
  return beats;
};
