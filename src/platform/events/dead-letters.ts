import { orgKey, type RedisConnection, replyFields, replyList, replyText } from '../redis/index.js';
import type { DeadLetter, WebhookDelivery } from './records.js';
import { deliveryFields, readDelivery, workStream } from './work.js';

/** Deliveries that were given up, until they are sent again, removed, or pushed out by newer ones. */
export type DeadLetters = {
  add(orgId: string, delivery: WebhookDelivery, failedAt: number, reason: string): Promise<void>;
  /** Newest first; `cursor` is the `next` of the page before. */
  list(
    orgId: string,
    page: { readonly limit: number; readonly cursor?: string | undefined },
  ): Promise<{ readonly items: readonly DeadLetter[]; readonly next: string | null }>;
  /** Puts it into the queue again; false when there is none of this id. */
  resend(orgId: string, id: string): Promise<boolean>;
  remove(orgId: string, id: string): Promise<boolean>;
};

const CAP = 1_000;
const idForm = /^\d{1,16}-\d{1,10}$/;
const keyOf = (orgId: string): string => orgKey(orgId, 'webhook-dead');

export const createDeadLetters = (redis: RedisConnection): DeadLetters => {
  const read = async (orgId: string, from: string, to: string, count: number): Promise<readonly DeadLetter[]> => {
    const found = replyList(await redis.command('XREVRANGE', keyOf(orgId), from, to, 'COUNT', count));
    return found.flatMap((message) => {
      const [id, values] = replyList(message);
      const fields = replyFields(values);
      const delivery = readDelivery(replyText(id), fields);
      if (delivery === null) return [];
      const failedAt = Number(fields.get('failedAt') ?? 0);
      return [{ ...delivery, id: replyText(id), failedAt, reason: fields.get('reason') ?? '' }];
    });
  };
  return {
    async add(orgId, delivery, failedAt, reason) {
      const fields = [...deliveryFields(delivery), 'failedAt', String(failedAt), 'reason', reason.slice(0, 500)];
      await redis.command('XADD', keyOf(orgId), 'MAXLEN', '~', CAP, '*', ...fields);
    },
    async list(orgId, { limit, cursor }) {
      const found = await read(orgId, cursor !== undefined && idForm.test(cursor) ? `(${cursor}` : '+', '-', limit + 1);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
    },
    async resend(orgId, id) {
      const [letter] = idForm.test(id) ? await read(orgId, id, id, 1) : [];
      if (letter === undefined) return false;
      // Twice is better than not at all: receivers know a delivery by its id.
      await redis.command('XADD', orgKey(orgId, workStream), '*', ...deliveryFields(letter));
      await redis.command('XDEL', keyOf(orgId), id);
      return true;
    },
    remove: async (orgId, id) => idForm.test(id) && (await redis.command('XDEL', keyOf(orgId), id)) === 1,
  };
};
