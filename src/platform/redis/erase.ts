import type { RedisConnection } from './connection.js';
import { orgPrefix } from './keys.js';
import { replyList, replyNumber, replyText } from './reply.js';
import { loadScript } from './script.js';

const script = loadScript(import.meta.url, './scripts/erase.lua');

/**
 * Removes everything that is kept under an organization's name, but the key `spared`, which must be one of its own.
 * Resolves with how many keys that were. All of Redis is looked through, in short steps. Throws GatewayError
 * store_unavailable; it may be run again.
 */
export const eraseOrganization = async (
  redis: Pick<RedisConnection, 'run'>,
  orgId: string,
  spared: string,
): Promise<number> => {
  let [cursor, removed] = ['0', 0];
  do {
    const reply = replyList(await redis.run(script, [spared], [orgPrefix(orgId), cursor]));
    cursor = replyText(reply[0]);
    removed += replyNumber(reply[1]);
  } while (cursor !== '0');
  return removed;
};
