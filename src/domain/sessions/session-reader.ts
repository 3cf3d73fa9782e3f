import {
  type RedisConnection,
  type RedisReply,
  replyFields,
  replyList,
  replyNumber,
  replyText,
  replyTextOrNull,
  replyTexts,
} from '../../platform/redis/index.js';
import { cursorOf, lookAtMost, readCursor } from './cursor.js';
import { sessionKeys } from './keys.js';
import type { ListedSession, SessionPage, SessionQuery, SessionStore } from './ports.js';
import type { PhoneSession, TimelineEntry } from './records.js';
import { sessionScripts } from './scripts.js';
import { decodeListed, decodeSession, decodeTimelineEntry, listedFields } from './session-hash.js';

const readBatch = 500;

/** The narrowest index that holds every session the query can match. */
const indexFor = (query: SessionQuery): string => {
  const { orgId, caller, ticket, endReason, live, recorded } = query;
  if (recorded === true) return sessionKeys.recorded(orgId);
  if (ticket !== undefined) return sessionKeys.byTicket(orgId, ticket);
  if (live === true) return caller === undefined ? sessionKeys.live(orgId) : sessionKeys.liveByCaller(orgId, caller);
  if (caller !== undefined) return sessionKeys.byCaller(orgId, caller);
  if (endReason !== undefined) return sessionKeys.byReason(orgId, endReason);
  return sessionKeys.byTime(orgId);
};

/** The filters the chosen index does not answer by itself. */
const remainingFilters = ({ caller, ticket, endReason, live, recorded, outcome }: SessionQuery): string[] => {
  if (recorded === true) {
    const state = live === undefined ? '' : live ? 'live' : 'ended';
    return [state, caller ?? '', ticket ?? '', endReason ?? '', outcome ?? ''];
  }
  const byTicket = ticket !== undefined;
  const byLive = !byTicket && live === true;
  const byCaller = !byTicket && caller !== undefined;
  const byReason = !byTicket && !byLive && !byCaller && endReason !== undefined;
  return [
    live === undefined || byLive || (byReason && live === false) ? '' : live ? 'live' : 'ended',
    byCaller ? '' : (caller ?? ''),
    '',
    byReason ? '' : (endReason ?? ''),
    outcome ?? '',
  ];
};

/** What HMGET answers for `names` as a map; a field that is not there is absent. */
const zipped = (names: readonly string[], values: readonly RedisReply[]): Map<string, string> => {
  const fields = new Map<string, string>();
  names.forEach((name, at) => {
    const value = replyTextOrNull(values[at]);
    if (value !== null) fields.set(name, value);
  });
  return fields;
};

export type SessionReader = Pick<
  SessionStore,
  | 'get'
  | 'locate'
  | 'bySipCallId'
  | 'liveByCaller'
  | 'list'
  | 'timeline'
  | 'liveCount'
  | 'enrichmentState'
  | 'ticketOrigin'
> & {
  /** Organizations that have ever had a session. */
  orgs(): Promise<readonly string[]>;
};

/** The reading half of the session store. Every method throws GatewayError `store_unavailable` when Redis is away. */
export const createSessionReader = ({ redis }: { readonly redis: RedisConnection }): SessionReader => {
  const readMany = async (orgId: string, ids: readonly string[]): Promise<PhoneSession[]> => {
    const sessions: PhoneSession[] = [];
    for (let at = 0; at < ids.length; at += readBatch) {
      const batch = ids.slice(at, at + readBatch);
      const outcomes = await redis.pipeline(batch.map((id) => ['HGETALL', sessionKeys.session(orgId, id)]));
      for (const outcome of outcomes) {
        if (!outcome.ok) throw outcome.error;
        const session = decodeSession(replyFields(outcome.reply));
        if (session !== null) sessions.push(session);
      }
    }
    return sessions;
  };

  const get: SessionReader['get'] = async (orgId, id) =>
    decodeSession(replyFields(await redis.command('HGETALL', sessionKeys.session(orgId, id))));

  const orgs = async (): Promise<string[]> => replyTexts(await redis.command('SMEMBERS', sessionKeys.orgs));

  const list = async (query: SessionQuery): Promise<SessionPage> => {
    const limit = Math.min(Math.max(Math.trunc(query.limit), 1), 500);
    const cursor = readCursor(query.cursor);
    const reply = replyList(
      await redis.run(
        sessionScripts.list,
        [indexFor(query)],
        [
          ...[sessionKeys.prefix(query.orgId), limit, query.from ?? '-inf', query.to ?? '+inf', cursor.at, cursor.id],
          ...[lookAtMost, ...remainingFilters(query), ...listedFields],
        ],
      ),
    );
    const items = replyList(reply[0])
      .map((values) => decodeListed(zipped(listedFields, replyList(values))))
      .filter((session): session is ListedSession => session !== null);
    const more = replyText(reply[1]) === '1';
    return { items, next: more ? cursorOf(replyText(reply[2]), replyText(reply[3])) : null };
  };

  return {
    get,
    orgs,
    list,
    // One question for each organization in one round trip: no second index that would have to be kept in step.
    locate: async (id) => {
      const known = await orgs();
      for (let at = 0; at < known.length; at += readBatch) {
        const batch = known.slice(at, at + readBatch);
        const outcomes = await redis.pipeline(
          batch.map((orgId) => ['HGET', sessionKeys.session(orgId, id), 'instanceId']),
        );
        for (const [index, outcome] of outcomes.entries()) {
          if (!outcome.ok) throw outcome.error;
          const instanceId = replyTextOrNull(outcome.reply);
          const orgId = batch[index];
          if (instanceId !== null && orgId !== undefined) return { orgId, instanceId };
        }
      }
      return null;
    },
    bySipCallId: async (orgId, sipCallId) => {
      const id = replyTextOrNull(await redis.command('GET', sessionKeys.callId(orgId, sipCallId)));
      return id === null ? null : get(orgId, id);
    },
    liveByCaller: async (orgId, e164) => {
      const ids = replyTexts(await redis.command('ZREVRANGE', sessionKeys.liveByCaller(orgId, e164), 0, -1));
      return (await readMany(orgId, ids)).filter((session) => session.status !== 'ended');
    },
    timeline: async (orgId, id) => {
      const entries = replyList(await redis.command('XRANGE', sessionKeys.timeline(orgId, id), '-', '+'));
      return entries
        .map((entry) => decodeTimelineEntry(replyFields(replyList(entry)[1])))
        .filter((entry): entry is TimelineEntry => entry !== null);
    },
    enrichmentState: async (orgId, id) => {
      const state = replyTextOrNull(await redis.command('HGET', sessionKeys.session(orgId, id), 'enrichment'));
      return state === 'queued' || state === 'enriched' || state === 'failed' ? state : null;
    },
    ticketOrigin: async (orgId, id, now) => {
      const key = sessionKeys.session(orgId, id);
      const [match, until] = replyList(await redis.command('HMGET', key, 'ticketMatch', 'ticketCreating'));
      if (replyTextOrNull(match) === 'created') return 'ours';
      return Number(replyTextOrNull(until) ?? 0) > now ? 'pending' : 'theirs';
    },
    liveCount: async () => {
      const known = await orgs();
      const outcomes = await redis.pipeline(known.map((orgId) => ['ZCARD', sessionKeys.live(orgId)]));
      let count = 0;
      for (const outcome of outcomes) {
        if (!outcome.ok) throw outcome.error;
        count += replyNumber(outcome.reply);
      }
      return count;
    },
  };
};
