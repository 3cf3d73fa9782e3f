import type { Clock, Timer } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { type RedisConnection, replyList, replyNumber, replyTexts } from '../../platform/redis/index.js';
import { jsonText } from './json.js';
import { sessionKeys } from './keys.js';
import { sessionScripts } from './scripts.js';

export type OwnershipTimes = {
  /** ms between two beats. */
  readonly beatInterval: number;
  /** ms of silence after which an instance is dead. */
  readonly deadAfter: number;
  /** ms for which Redis must have answered without a break before its silence about an instance is believed. */
  readonly trustAfter: number;
  /** ms between two rounds of removing what is out of date. */
  readonly sweepInterval: number;
};

/** A death is seen after 15 s, by a beat every 5 s: within 20 s, of the 30 s promised. */
export const defaultOwnershipTimes: OwnershipTimes = {
  beatInterval: 5_000,
  deadAfter: 15_000,
  trustAfter: 30_000,
  sweepInterval: 60_000,
};

export type OwnershipOptions = {
  readonly redis: RedisConnection;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly retention: number;
  readonly times: OwnershipTimes;
  /** True when no other instance can be alive (embedded Redis under the lock of DATA_DIR): the dead are ended at once. */
  readonly exclusive: boolean;
  readonly orgs: () => Promise<readonly string[]>;
  /** Our own beat was missing for so long that others may have taken us for dead. */
  readonly onMissed: () => Promise<void>;
  readonly onBeat: () => Promise<void>;
  readonly onSweep: (orgIds: readonly string[]) => Promise<void>;
  readonly onReaped: (orgId: string, sessionId: string) => void;
};

/**
 * Who is alive. Each instance beats once every few seconds, whatever the number of its calls; sessions of one that has
 * fallen silent are ended by whoever sees it first. After Redis was away, was restarted, or we ourselves were stopped,
 * silence proves nothing: then nobody is taken for dead until Redis has answered for `trustAfter` ms.
 */
export type Ownership = {
  /** First beat; rejects with `store_unavailable` when Redis is away. */
  start(): Promise<void>;
  /** Stops beating. `empty`: this instance owns nothing any more and need not be looked for. */
  stop(empty: boolean): Promise<void>;
};

const reapBatch = 200;
const removeBatch = 200;

export const createOwnership = (options: OwnershipOptions): Ownership => {
  const { redis, instanceId, clock, log, times } = options;
  let trustedSince: number | null = null;
  let beatTimer: Timer | null = null;
  let sweepTimer: Timer | null = null;
  let started = false;
  let stopped = false;
  /** Instances whose sessions are being ended right now. */
  const reaping = new Set<string>();

  const trusted = (): boolean => trustedSince !== null && clock.monotonic() - trustedSince >= times.trustAfter;

  const reapIn = async (orgId: string, dead: string): Promise<number> => {
    let ended = 0;
    for (;;) {
      const data = jsonText({ reason: 'instance-lost', instanceId: dead, endedBy: instanceId });
      const reply = replyList(
        await redis.run(
          sessionScripts.reap,
          [sessionKeys.owned(orgId, dead)],
          [sessionKeys.prefix(orgId), dead, options.retention, reapBatch, clock.now(), data],
        ),
      );
      for (const id of replyTexts(reply[0])) {
        ended += 1;
        log.warn({ sessionId: id, orgId, lostInstance: dead }, 'A session was ended because its instance is gone.');
        options.onReaped(orgId, id);
      }
      if (replyNumber(reply[1]) === 0) return ended;
    }
  };

  const reap = async (dead: string): Promise<void> => {
    if (reaping.has(dead)) return;
    reaping.add(dead);
    try {
      let ended = 0;
      for (const orgId of await options.orgs()) ended += await reapIn(orgId, dead);
      await redis.run(sessionScripts.forget, [sessionKeys.beats], [dead, times.deadAfter]);
      if (ended > 0) log.warn({ lostInstance: dead, sessions: ended }, 'The sessions of a lost instance were ended.');
    } finally {
      reaping.delete(dead);
    }
  };

  const beat = async (): Promise<void> => {
    const reply = replyTexts(
      await redis.run(sessionScripts.heartbeat, [sessionKeys.beats], [instanceId, times.deadAfter]),
    );
    // -1: our beat is gone, and with it perhaps everything else.
    const sinceLast = Number(reply[0]);
    if (sinceLast > times.deadAfter || sinceLast < 0) {
      trustedSince = clock.monotonic();
      await options.onMissed();
    }
    await options.onBeat();
    if (!trusted()) return;
    for (const dead of reply.slice(1)) {
      if (dead !== instanceId) await reap(dead);
    }
  };

  const report = (error: unknown, message: string): void => {
    // An outage is reported by the connection; here it is only the reason why nothing happened.
    if (isGatewayError(error, 'store_unavailable')) log.debug({ err: error }, message);
    else log.error({ err: error }, message);
  };

  const beatLater = (): void => {
    if (stopped) return;
    beatTimer = clock.after(times.beatInterval, () => {
      beat()
        .catch((error: unknown) => report(error, 'The heartbeat failed.'))
        .finally(beatLater);
    });
  };

  /** Instances that own sessions but have no beat (lost with a fail-over): they get one, and with it a time to die. */
  const watchOwners = async (orgIds: readonly string[]): Promise<void> => {
    const owners = new Set<string>();
    for (const outcome of await redis.pipeline(orgIds.map((orgId) => ['SMEMBERS', sessionKeys.owners(orgId)]))) {
      if (outcome.ok) for (const owner of replyTexts(outcome.reply)) owners.add(owner);
    }
    owners.delete(instanceId);
    if (owners.size > 0) await redis.run(sessionScripts.watch, [sessionKeys.beats], [...owners]);
  };

  const sweep = async (): Promise<void> => {
    const orgIds = await options.orgs();
    await options.onSweep(orgIds);
    const hold = Math.max(1, Math.round(times.sweepInterval * 0.9));
    const mine = await redis.command('SET', sessionKeys.sweeper, instanceId, 'NX', 'PX', hold);
    if (mine !== 'OK') return;
    await watchOwners(orgIds);
    for (const orgId of orgIds) {
      const args = [sessionKeys.prefix(orgId), removeBatch, options.retention];
      while (!stopped) {
        const removed = replyNumber(await redis.run(sessionScripts.remove, [sessionKeys.expiry(orgId)], args));
        if (removed < removeBatch) break;
      }
    }
  };

  const sweepLater = (): void => {
    if (stopped) return;
    sweepTimer = clock.after(times.sweepInterval, () => {
      sweep()
        .catch((error: unknown) => report(error, 'Removing old sessions failed.'))
        .finally(sweepLater);
    });
  };

  /** Nobody else can be alive: whoever owns sessions besides us is dead now. */
  const reapEveryoneElse = async (): Promise<void> => {
    const orgIds = await options.orgs();
    const dead = new Set(replyTexts(await redis.command('ZRANGE', sessionKeys.beats, 0, -1)));
    for (const outcome of await redis.pipeline(orgIds.map((orgId) => ['SMEMBERS', sessionKeys.owners(orgId)]))) {
      if (outcome.ok) for (const owner of replyTexts(outcome.reply)) dead.add(owner);
    }
    dead.delete(instanceId);
    for (const each of dead) {
      await reap(each);
      await redis.command('ZREM', sessionKeys.beats, each);
    }
  };

  const offDown = redis.on('down', () => {
    trustedSince = null;
  });
  const offUp = redis.on('up', () => {
    trustedSince = clock.monotonic();
    if (!started) return;
    beat().catch((error: unknown) => report(error, 'The heartbeat failed.'));
  });

  return {
    start: async () => {
      // A newcomer missed no outage that matters: whoever is alive beats in the time an instance is given to die.
      trustedSince = clock.monotonic() - Math.max(0, times.trustAfter - times.deadAfter - times.beatInterval);
      await redis.run(sessionScripts.heartbeat, [sessionKeys.beats], [instanceId, times.deadAfter]);
      started = true;
      if (options.exclusive) await reapEveryoneElse();
      beatLater();
      sweepLater();
    },
    stop: async (empty) => {
      stopped = true;
      beatTimer?.cancel();
      sweepTimer?.cancel();
      offDown();
      offUp();
      if (empty && redis.isUp()) await redis.command('ZREM', sessionKeys.beats, instanceId).catch(() => {});
    },
  };
};
