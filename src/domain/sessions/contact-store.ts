import { newUuid } from '../../core/ids.js';
import { orgKey, type RedisConnection, replyFields, replyTextOrNull, replyTexts } from '../../platform/redis/index.js';
import { decodeContact } from './contact-hash.js';
import { sessionKeys } from './keys.js';
import type { ContactStore, EnrichResult } from './ports.js';
import { sessionScripts } from './scripts.js';

/** ms the indexes of a caller's sessions are kept, when a session turns out to be another caller's; default 30 days. */
const defaultRetention = 30 * 86_400_000;

const resultOf = (text: string | undefined): EnrichResult['result'] =>
  text === 'enriched' || text === 'unchanged' || text === 'gone' ? text : 'missing';

/**
 * Contacts in Redis. They are made with the session of a caller not known before (create.lua), or when Zendesk tells who
 * calls from a number that is nobody's own (enrich.lua).
 */
export const createContactStore = (options: {
  readonly redis: RedisConnection;
  readonly retention?: number;
}): ContactStore => {
  const { redis } = options;
  const get: ContactStore['get'] = async (orgId, id) =>
    decodeContact(replyFields(await redis.command('HGETALL', sessionKeys.contact(orgId, id))));
  return {
    get,
    byPhone: async (orgId, e164) => {
      const id = replyTextOrNull(await redis.command('GET', orgKey(orgId, 'contact-by-phone', e164)));
      return id === null ? null : get(orgId, id);
    },
    enrich: async (orgId, sessionId, { caller, fields, customData, zendeskUserId, phone, ticketId, ...request }) => {
      const reply = await redis.run(
        sessionScripts.enrich,
        [sessionKeys.session(orgId, sessionId)],
        [
          ...[sessionKeys.prefix(orgId), `${sessionKeys.stampChannel}:`],
          JSON.stringify({
            ...request,
            ...{ session: sessionId, org: orgId, keep: options.retention ?? defaultRetention, ticket: ticketId },
            ...{ user: zendeskUserId, newContact: newUuid(), phone: phone ?? '', custom: [...customData] },
            fields: [...Object.entries(fields), ['zendeskUserId', zendeskUserId]],
            caller: caller === null ? null : { e164: caller, raw: caller, withheld: false, source: 'zendesk' },
          }),
        ],
      );
      const [result, contactId = '', clashed] = replyTexts(reply);
      return {
        result: resultOf(result),
        contactId: contactId === '' ? null : contactId,
        clashed: clashed === '1',
      };
    },
  };
};
