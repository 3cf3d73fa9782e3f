import { z } from 'zod';
import type { Clock } from '../../core/clock.js';
import { orgKey, type RedisConnection, replyTextOrNull } from '../../platform/redis/index.js';
import type { ZendeskFailure } from './failure.js';

const statusSchema = z.object({
  ok: z.boolean(),
  /** ms since the epoch. */
  at: z.number(),
  kind: z.string().nullable(),
  message: z.string().nullable(),
});
export type ZendeskStatus = z.output<typeof statusSchema>;

/** How the last request with an organization's credentials went: what an administrator looks at. */
export type StatusBoard = {
  ok(orgId: string): Promise<void>;
  failed(orgId: string, failure: ZendeskFailure): Promise<void>;
  read(orgId: string): Promise<ZendeskStatus | null>;
};

const keyOf = (orgId: string): string => orgKey(orgId, 'zendesk-status');

export const createStatusBoard = (redis: RedisConnection, clock: Clock): StatusBoard => {
  const write = async (orgId: string, status: ZendeskStatus): Promise<void> => {
    // For people to look at: without Redis there is none.
    await redis.command('SET', keyOf(orgId), JSON.stringify(status)).catch(() => {});
  };
  return {
    ok: (orgId) => write(orgId, { ok: true, at: clock.now(), kind: null, message: null }),
    failed: (orgId, { kind, message }) => write(orgId, { ok: false, at: clock.now(), kind, message }),
    async read(orgId) {
      const text = replyTextOrNull(await redis.command('GET', keyOf(orgId)));
      return text === null ? null : statusSchema.parse(JSON.parse(text));
    },
  };
};
