import { z } from 'zod';
import type { Clock, Timer } from '../../core/clock.js';
import { orgKey, type RedisCommand, type RedisConnection, replyTexts } from '../../platform/redis/index.js';
import type { Delivery, DeliveryLog } from './ports.js';

const KEPT = 50;
/** ms deliveries are kept after the last one: a week. */
const TTL = 604_800_000;
/** ms within which deliveries go to Redis together: the answer to a webhook must not wait for its own record. */
const GATHER = 100;

const deliverySchema = z.object({
  at: z.number(),
  status: z.number(),
  success: z.boolean(),
  message: z.string(),
  ticketId: z.string().nullable(),
  sessionId: z.string().nullable(),
  invocation: z.string().nullable(),
  took: z.number(),
});

const keyOf = (orgId: string): string => orgKey(orgId, 'prefetch-deliveries');

/** The last webhooks of each organization with their answers, in Redis. `close` writes what is still gathered. */
export const createDeliveryLog = (options: {
  readonly redis: RedisConnection;
  readonly clock: Clock;
}): DeliveryLog & { close(): Promise<void> } => {
  const { redis, clock } = options;
  const gathered = new Map<string, string[]>();
  let timer: Timer | null = null;

  const flush = async (): Promise<void> => {
    timer?.cancel();
    timer = null;
    const commands: RedisCommand[] = [...gathered].flatMap(([orgId, lines]): RedisCommand[] => [
      ['LPUSH', keyOf(orgId), ...lines],
      ['LTRIM', keyOf(orgId), 0, KEPT - 1],
      ['PEXPIRE', keyOf(orgId), TTL],
    ]);
    gathered.clear();
    // A record for people to look at: without Redis there is none.
    await redis.pipeline(commands).catch(() => {});
  };

  return {
    add(orgId, delivery) {
      const lines = gathered.get(orgId) ?? [];
      lines.push(JSON.stringify(delivery));
      gathered.set(orgId, lines.slice(-KEPT));
      timer ??= clock.after(GATHER, () => void flush());
    },
    async last(orgId) {
      await flush();
      const lines = replyTexts(await redis.command('LRANGE', keyOf(orgId), 0, KEPT - 1));
      return lines.flatMap((line): Delivery[] => {
        const parsed = deliverySchema.safeParse(JSON.parse(line));
        return parsed.success ? [parsed.data] : [];
      });
    },
    close: flush,
  };
};
