import { orgKey, type RedisConnection, replyFields, replyTextOrNull } from '../../platform/redis/index.js';
import { decodeContact } from './contact-hash.js';
import { sessionKeys } from './keys.js';
import type { ContactStore } from './ports.js';

/** Contacts in Redis; they are made with the session of a caller not known before (create.lua). */
export const createContactStore = ({ redis }: { readonly redis: RedisConnection }): ContactStore => {
  const get: ContactStore['get'] = async (orgId, id) =>
    decodeContact(replyFields(await redis.command('HGETALL', sessionKeys.contact(orgId, id))));
  return {
    get,
    byPhone: async (orgId, e164) => {
      const id = replyTextOrNull(await redis.command('GET', orgKey(orgId, 'contact-by-phone', e164)));
      return id === null ? null : get(orgId, id);
    },
  };
};
