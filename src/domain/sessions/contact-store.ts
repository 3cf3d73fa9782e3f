import { GatewayError } from '../../core/errors.js';
import { newUuid } from '../../core/ids.js';
import {
  orgKey,
  type RedisConnection,
  replyFields,
  replyList,
  replyNumber,
  replyText,
  replyTextOrNull,
  replyTexts,
} from '../../platform/redis/index.js';
import { decodeContact } from './contact-hash.js';
import { cursorOf, lookAtMost, readCursor } from './cursor.js';
import { sessionKeys } from './keys.js';
import type { ContactChange, ContactStore, EnrichResult } from './ports.js';
import type { Contact } from './records.js';
import { sessionScripts } from './scripts.js';

/** ms the indexes of a caller's sessions are kept, when a session turns out to be another caller's; default 30 days. */
const defaultRetention = 30 * 86_400_000;

const resultOf = (text: string | undefined): EnrichResult['result'] =>
  text === 'enriched' || text === 'unchanged' || text === 'gone' ? text : 'missing';

/** Pairs of name and value; a name alone is taken off. Undefined ones are left out. */
const changesOf = (values: Readonly<Record<string, string | null | undefined>>): string[][] =>
  Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [value === null ? [name] : [name, value]];
  });

/**
 * Contacts in Redis. They are made with the session of a caller not known before (create.lua), when Zendesk tells who
 * calls from a number that is nobody's own (enrich.lua), or by the API (contact-save.lua).
 */
export const createContactStore = (options: {
  readonly redis: RedisConnection;
  readonly retention?: number;
}): ContactStore => {
  const { redis } = options;
  const get: ContactStore['get'] = async (orgId, id) =>
    decodeContact(replyFields(await redis.command('HGETALL', sessionKeys.contact(orgId, id))));
  const save = async (
    orgId: string,
    id: string,
    { at, phone, customData = {}, ...fields }: ContactChange,
    isNew: boolean,
  ): Promise<Contact | null> => {
    const { name, email, externalId } = fields;
    const reply = await redis.run(
      sessionScripts.saveContact,
      [sessionKeys.contact(orgId, id)],
      [
        sessionKeys.prefix(orgId),
        JSON.stringify({
          ...{ id, org: orgId, at, new: isNew, fields: changesOf({ name, email, externalId }) },
          custom: changesOf(customData),
          phone: phone === undefined ? null : phone === null ? [] : [phone],
        }),
      ],
    );
    const [result, holder = ''] = replyTexts(reply);
    if (result === 'taken') throw new GatewayError('conflict', `The number is that of another contact, ${holder}.`);
    return result === 'missing' ? null : get(orgId, id);
  };
  return {
    get,
    change: (orgId, id, change) => save(orgId, id, change, false),
    async create(orgId, change) {
      const made = await save(orgId, newUuid(), change, true);
      if (made === null) throw new GatewayError('internal', 'A contact that was just made is not there.');
      return made;
    },
    remove: async (orgId, id) =>
      replyNumber(
        await redis.run(
          sessionScripts.removeContact,
          [sessionKeys.contact(orgId, id)],
          [sessionKeys.prefix(orgId), id],
        ),
      ) === 1,
    async list({ orgId, limit, cursor }) {
      const from = readCursor(cursor);
      const reply = replyList(
        await redis.run(
          sessionScripts.list,
          [sessionKeys.contacts(orgId)],
          [sessionKeys.prefix(orgId), limit, '-inf', '+inf', from.at, from.id, lookAtMost, '', '', '', '', ''],
        ),
      );
      const ids = replyTexts(reply[0]);
      const outcomes = await redis.pipeline(ids.map((id) => ['HGETALL', sessionKeys.contact(orgId, id)]));
      const items = outcomes.flatMap((outcome) => {
        if (!outcome.ok) throw outcome.error;
        return decodeContact(replyFields(outcome.reply)) ?? [];
      });
      const more = replyText(reply[1]) === '1';
      return { items, next: more ? cursorOf(replyText(reply[2]), replyText(reply[3])) : null };
    },
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
