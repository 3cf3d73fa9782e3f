import { type Clock, systemClock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { type RedisConnection, replyTexts } from '../../platform/redis/index.js';
import { isRecord, jsonRecord } from './json.js';
import { sessionKeys } from './keys.js';
import { createOwnedSessions } from './owned-sessions.js';
import { createOwnership, defaultOwnershipTimes, type OwnershipTimes } from './ownership.js';
import type { MatchResult, SessionStore, StampResult } from './ports.js';
import { sessionScripts } from './scripts.js';
import { callerOf } from './session-hash.js';
import { createSessionReader } from './session-reader.js';
import { encodeEntry } from './write-queue.js';

export type SessionStoreOptions = {
  readonly redis: RedisConnection;
  /** New for every process: an instance that comes back under the name of a dead one would keep its calls alive. */
  readonly instanceId: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** ms an ended session is kept; default 30 days. */
  readonly retention?: number;
  readonly times?: Partial<OwnershipTimes>;
  /** What is kept in memory while Redis is away, and how long notes linger; see platform/redis/outage-buffer.ts. */
  readonly buffer?: { readonly maxItems?: number; readonly maxBytes?: number; readonly linger?: number };
  /** True with embedded Redis: no other instance can be alive, so sessions found at start have lost theirs. */
  readonly exclusive?: boolean;
  /** Called after this instance ended a session of one that is gone. */
  readonly onReaped?: (orgId: string, sessionId: string) => void;
  /** Called when a change or a creation has put work with Zendesk into the queue. */
  readonly onWork?: (orgId: string) => void;
};

export type SessionStoreRuntime = SessionStore & {
  /** Begins the heartbeat; rejects with `store_unavailable` when Redis is away. No session may be created before. */
  start(): Promise<void>;
  /** Sessions owned and writes not yet in Redis. */
  stats(): { readonly owned: number; readonly pendingItems: number; readonly pendingBytes: number };
  /** Waits up to `timeout` ms for writes on their way, then ends the heartbeat. `unwritten`: what Redis never took. */
  stop(timeout: number): Promise<{ readonly unwritten: number }>;
};

const day = 86_400_000;

const stampResult = (result: string | undefined, ticketId: string | undefined): StampResult => {
  if (result === 'stamped' || result === 'already' || result === 'other') return { result, ticketId: ticketId ?? '' };
  return { result: result === 'ended' ? 'ended' : 'missing', ticketId: null };
};

const matchResult = (reply: readonly string[]): MatchResult => {
  const [result, sessionId = '', ticketId = '', match = '', candidates = '0'] = reply;
  if (result === 'stamped' || result === 'already' || result === 'replayed' || result === 'other') {
    return { result, sessionId, ticketId, match, candidates: Number(candidates) };
  }
  if (result === 'ambiguous') return { result, match, candidates: Number(candidates) };
  if (result === 'none' || result === 'held' || result === 'revoked') return { result };
  throw new GatewayError('internal', `The store answered a match with ${result}.`);
};

/** The session store on Redis. It owns nothing of the connection: whoever made that closes it, after `stop`. */
export const createSessionStore = (options: SessionStoreOptions): SessionStoreRuntime => {
  const { redis, instanceId, log } = options;
  const clock = options.clock ?? systemClock;
  const retention = options.retention ?? 30 * day;
  const reader = createSessionReader({ redis });
  const owned = createOwnedSessions({
    redis,
    instanceId,
    clock,
    log,
    retention,
    buffer: options.buffer ?? {},
    onWork: options.onWork ?? (() => {}),
  });
  const ownership = createOwnership({
    ...{ redis, instanceId, clock, log, retention, orgs: reader.orgs },
    times: { ...defaultOwnershipTimes, ...options.times },
    exclusive: options.exclusive ?? false,
    onMissed: owned.reviveAll,
    onBeat: owned.tidy,
    onSweep: owned.endStrays,
    onReaped: options.onReaped ?? (() => {}),
  });
  let offStamps: (() => void) | null = null;

  const onStamp = (message: string): void => {
    const { id, zendeskTicketId, caller } = jsonRecord(message) ?? {};
    if (typeof id !== 'string' || typeof zendeskTicketId !== 'string') return;
    owned.stampSeen(id, zendeskTicketId, isRecord(caller) ? callerOf(caller) : undefined);
  };

  const { orgs: _orgs, ...reads } = reader;
  return {
    ...reads,
    create: owned.create,
    note: async (orgId, id, entry) => {
      const found = await redis.run(
        sessionScripts.note,
        [sessionKeys.session(orgId, id)],
        [sessionKeys.prefix(orgId), id, ...encodeEntry(entry)],
      );
      if (found !== 1) throw new GatewayError('not_found', `There is no session ${id}.`);
    },
    stampTicket: async (orgId, id, ticketId, entry, noteAtEnd = false) => {
      const reply = await redis.run(
        sessionScripts.stamp,
        [sessionKeys.session(orgId, id)],
        [
          ...[sessionKeys.prefix(orgId), id, ticketId, retention, ...encodeEntry(entry)],
          ...[`${sessionKeys.stampChannel}:`, noteAtEnd ? '1' : '0'],
        ],
      );
      const [result, present] = replyTexts(reply);
      const stamp = stampResult(result, present);
      if (stamp.ticketId !== null) owned.stampSeen(id, stamp.ticketId);
      return stamp;
    },
    markCreating: async (orgId, id, until) => {
      await redis.run(sessionScripts.creating, [sessionKeys.session(orgId, id)], [until ?? '']);
    },
    settleWork: async (orgId, id, work, { enrichment, timeline }) => {
      const settled = await redis.run(
        sessionScripts.settle,
        [sessionKeys.session(orgId, id)],
        [sessionKeys.prefix(orgId), id, work.id, work.group, enrichment ?? '', ...timeline.flatMap(encodeEntry)],
      );
      return settled === 1;
    },
    forgetRecording: async (orgId, id, file, entry) => {
      const found = await redis.run(
        sessionScripts.forgetRecording,
        [sessionKeys.session(orgId, id)],
        [sessionKeys.prefix(orgId), id, file, ...encodeEntry(entry)],
      );
      return found === 1;
    },
    stampMatching: async (orgId, { guard, ticketId, invocation, talk, talkCaller, ...request }) => {
      const caller =
        talkCaller === null ? null : { e164: talkCaller, raw: talkCaller, withheld: false, source: 'zendesk' };
      const reply = await redis.run(
        sessionScripts.match,
        [sessionKeys.live(orgId), guard.key],
        [
          ...[sessionKeys.prefix(orgId), `${sessionKeys.stampChannel}:`],
          JSON.stringify({
            ...request,
            ...{ guard: guard.field, keep: retention, ticket: ticketId, invocation: invocation ?? '' },
            ...{ talk: talk?.numbers ?? [], talkWindow: talk?.window ?? 0, talkCaller: caller },
          }),
        ],
      );
      const matched = matchResult(replyTexts(reply));
      if ('ticketId' in matched && matched.result !== 'replayed') owned.stampSeen(matched.sessionId, matched.ticketId);
      return matched;
    },
    start: async () => {
      offStamps ??= await redis.subscribe(`${sessionKeys.stampChannel}:${instanceId}`, onStamp);
      await ownership.start();
    },
    stats: () => {
      const { items, bytes } = owned.pending();
      return { owned: owned.count(), pendingItems: items, pendingBytes: bytes };
    },
    stop: async (timeout) => {
      const closed = await owned.close(timeout);
      offStamps?.();
      await ownership.stop(closed.unwritten === 0);
      return closed;
    },
  };
};
