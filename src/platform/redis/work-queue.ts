import type { Clock, Timer } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { RedisConnection } from './connection.js';
import { orgKey } from './keys.js';
import { type RedisReply, replyList } from './reply.js';

/** Pieces of work of one organization at a time: the rate limits of others are per account. */
const AT_ONCE = 4;
const AT_ONCE_IN_ALL = 32;

/** A piece of work, named by its id in the organization's stream. */
export type QueuedPiece = { readonly id: string; readonly orgId: string };

export type WorkVerdict =
  /** The handler has taken it off the queue. */
  | { readonly kind: 'done' }
  /**
   * Again in `after` ms; `everything`: all work of the organization waits as long. `waited`: nothing failed, its time has
   * not come yet, so that it is no attempt.
   */
  | {
      readonly kind: 'again';
      readonly after: number;
      readonly everything?: boolean;
      readonly waited?: boolean;
    };

/** How often a piece of work was begun in this process. */
export type WorkTries = {
  /** This attempt, from 1: those that failed before and it. */
  readonly attempt: number;
  /** Times it was put off without a failure. */
  readonly waits: number;
};

export type WorkQueueOptions<Work extends QueuedPiece> = {
  /** Name of the stream of each organization. */
  readonly stream: string;
  readonly group: string;
  /** Whose work it is, for the log: `Zendesk`. */
  readonly of: string;
  /** One message of the stream; null for one that was deleted, or of a kind this version does not know. */
  readonly read: (orgId: string, message: RedisReply) => Work | null;
  readonly redis: RedisConnection;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Organizations that may have work. */
  readonly organizations: () => Promise<readonly string[]>;
  /** Does one piece. A rejection is a fault of ours: tried again later. */
  readonly handle: (work: Work, tries: WorkTries, signal: AbortSignal) => Promise<WorkVerdict>;
  /** No other instance can be alive: what is given out to others is taken over at once. */
  readonly exclusive?: boolean;
  /** ms after which work of a silent instance is taken over; default 15,000. */
  readonly lease?: number;
  /** ms between two looks at all organizations; default 3,000. */
  readonly sweep?: number;
};

export type WorkQueue = {
  start(): Promise<void>;
  /** There is new work of this organization. */
  wake(orgId: string): void;
  /** Gives up what is being done; it stays in the queue for whoever comes next. */
  stop(): Promise<void>;
};

const BACK_OFF = 5_000;

/** The stream has no consumer group yet. */
const isWithoutGroup = (error: unknown): boolean => error instanceof Error && /NOGROUP/.test(error.message);

/** Redis is away: what was not read now is read later. */
const isPassing = (error: unknown): boolean => isGatewayError(error, 'store_unavailable');

/**
 * Work that others must be asked for (Zendesk, receivers of webhooks), from a Redis stream of each organization with one
 * consumer group: written with the change that causes it, given to one instance at a time, and kept until it is done.
 * What an instance holds it says again every third of the lease; work of an instance that says nothing goes to another.
 */
export const createWorkQueue = <Work extends QueuedPiece>(options: WorkQueueOptions<Work>): WorkQueue => {
  type Held = { readonly work: Work; attempt: number; waits: number; timer: Timer | null };
  const { redis, instanceId, clock, log, group } = options;
  const streamOf = (orgId: string): string => orgKey(orgId, options.stream);
  const lease = options.lease ?? 15_000;
  const sweepEvery = options.sweep ?? 3_000;
  const held = new Map<string, Held>();
  const running = new Set<Promise<void>>();
  const runningOf = new Map<string, number>();
  const pausedUntil = new Map<string, number>();
  const pulling = new Map<string, 'once' | 'again'>();
  const stopping = new AbortController();
  let sweeper: Timer | null = null;
  let keeper: Timer | null = null;

  const keyOf = (work: Work): string => `${work.orgId} ${work.id}`;
  const heldBy = (orgId: string): number => runningOf.get(orgId) ?? 0;
  const pause = (orgId: string): number => (pausedUntil.get(orgId) ?? 0) - clock.monotonic();

  const later = (entry: Held, after: number): void => {
    entry.timer = clock.after(after, () => {
      entry.timer = null;
      const rest = pause(entry.work.orgId);
      if (rest > 0) later(entry, rest);
      else run(entry);
    });
  };

  const perform = async (entry: Held): Promise<void> => {
    const { work } = entry;
    const { attempt, waits } = entry;
    let verdict: WorkVerdict;
    try {
      verdict = await options.handle(work, { attempt, waits }, stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) {
        log.error(
          { err: error, organization: work.orgId, work: work.id, of: options.of },
          'A piece of work failed and is tried again.',
        );
      }
      verdict = { kind: 'again', after: BACK_OFF };
    }
    if (verdict.kind === 'done') {
      held.delete(keyOf(work));
      return;
    }
    if (stopping.signal.aborted) return;
    if (verdict.waited === true) entry.waits += 1;
    else entry.attempt += 1;
    if (verdict.everything === true) pausedUntil.set(work.orgId, clock.monotonic() + verdict.after);
    later(entry, verdict.after);
  };

  const run = (entry: Held): void => {
    const { orgId } = entry.work;
    runningOf.set(orgId, heldBy(orgId) + 1);
    const done = perform(entry).finally(() => {
      running.delete(done);
      const left = heldBy(orgId) - 1;
      if (left === 0) runningOf.delete(orgId);
      else runningOf.set(orgId, left);
      wake(orgId);
    });
    running.add(done);
  };

  const take = (orgId: string, messages: readonly RedisReply[]): void => {
    for (const message of messages) {
      const work = options.read(orgId, message);
      if (work === null || held.has(keyOf(work))) continue;
      const entry: Held = { work, attempt: 1, waits: 0, timer: null };
      held.set(keyOf(work), entry);
      run(entry);
    }
  };

  const withGroup = async (orgId: string, command: () => Promise<void>): Promise<void> => {
    try {
      await command();
    } catch (error) {
      if (!isWithoutGroup(error)) throw error;
      await redis.command('XGROUP', 'CREATE', streamOf(orgId), group, '0', 'MKSTREAM').catch((failure: unknown) => {
        if (!/BUSYGROUP/.test(String(failure))) throw failure;
      });
      await command();
    }
  };

  const pull = async (orgId: string): Promise<void> => {
    if (pause(orgId) > 0) return;
    const room = Math.min(AT_ONCE - heldBy(orgId), AT_ONCE_IN_ALL - running.size);
    if (room <= 0) return;
    await withGroup(orgId, async () => {
      const reply = replyList(
        await redis.command('XREADGROUP', 'GROUP', group, instanceId, 'COUNT', room, 'STREAMS', streamOf(orgId), '>'),
      );
      for (const stream of reply) take(orgId, replyList(replyList(stream)[1]));
    });
  };

  const wake = (orgId: string): void => {
    if (stopping.signal.aborted) return;
    if (pulling.has(orgId)) {
      pulling.set(orgId, 'again');
      return;
    }
    pulling.set(orgId, 'once');
    pull(orgId)
      .catch((error: unknown) => {
        if (!isPassing(error))
          log.error({ err: error, organization: orgId, of: options.of }, 'A queue cannot be read.');
      })
      .finally(() => {
        const again = pulling.get(orgId) === 'again';
        pulling.delete(orgId);
        if (again) wake(orgId);
      });
  };

  /** Takes over what others hold and do not speak of any more. */
  const takeOver = (orgId: string, idle: number): Promise<void> =>
    withGroup(orgId, async () => {
      const reply = replyList(
        await redis.command('XAUTOCLAIM', streamOf(orgId), group, instanceId, idle, '0-0', 'COUNT', AT_ONCE_IN_ALL),
      );
      take(orgId, replyList(reply[1]));
    });

  const sweep = async (idle: number): Promise<void> => {
    const orgIds = await options.organizations();
    const lengths = await redis.pipeline(orgIds.map((orgId) => ['XLEN', streamOf(orgId)]));
    for (const [index, orgId] of orgIds.entries()) {
      const length = lengths[index];
      if (length?.ok !== true || length.reply === 0) continue;
      await takeOver(orgId, idle);
      wake(orgId);
    }
  };

  const sweepAgain = (): void => {
    if (stopping.signal.aborted) return;
    sweeper = clock.after(sweepEvery, () => {
      sweep(lease)
        .catch((error: unknown) => {
          if (!isPassing(error)) log.error({ err: error, of: options.of }, 'The queues cannot be looked at.');
        })
        .finally(sweepAgain);
    });
  };

  /** Says that what is held is still held. */
  const keep = async (): Promise<void> => {
    const byOrg = new Map<string, string[]>();
    for (const { work } of held.values()) byOrg.set(work.orgId, [...(byOrg.get(work.orgId) ?? []), work.id]);
    await redis.pipeline(
      [...byOrg].map(([orgId, ids]) => ['XCLAIM', streamOf(orgId), group, instanceId, 0, ...ids, 'JUSTID']),
    );
  };
  const keepAgain = (): void => {
    if (stopping.signal.aborted) return;
    keeper = clock.after(
      lease / 3,
      () =>
        void keep()
          .catch(() => {})
          .finally(keepAgain),
    );
  };

  return {
    wake,
    async start() {
      await sweep(options.exclusive === true ? 0 : lease).catch((error: unknown) => {
        if (!isPassing(error)) throw error;
      });
      sweepAgain();
      keepAgain();
    },
    async stop() {
      stopping.abort();
      sweeper?.cancel();
      keeper?.cancel();
      for (const entry of held.values()) entry.timer?.cancel();
      let limit: Timer | null = null;
      const late = new Promise<void>((resolve) => {
        limit = clock.after(1_000, resolve);
      });
      await Promise.race([Promise.allSettled([...running]), late]);
      (limit as Timer | null)?.cancel();
    },
  };
};
