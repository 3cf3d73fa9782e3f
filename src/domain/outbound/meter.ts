import type { Clock, Timer } from '../../core/clock.js';
import { newUuid } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import {
  loadScript,
  orgKey,
  type RedisConnection,
  replyNumber,
  replyText,
  replyTextOrNull,
} from '../../platform/redis/index.js';
import type { OutboundPolicy } from './policy.js';

const script = (name: string) => loadScript(import.meta.url, `./scripts/${name}.lua`);
const scripts = {
  reserve: script('reserve'),
  renew: script('renew'),
  charge: script('charge'),
  release: script('release'),
} as const;

const minute = 60_000;
/** ms a lease lasts without being renewed: an instance that died holds its places for this long. */
const leaseTime = 60_000;
const renewEvery = 20_000;
/** ms the counter of a day is kept. */
const dayKept = 3 * 86_400_000;

/** One outbound call as the caps see it. */
export type OutboundLease = {
  /** Somebody answered: from now on minutes count. */
  answered(): void;
  /** The call is over; idempotent. Never rejects. */
  release(): Promise<void>;
};

export type OutboundUsage = { readonly calls: number; readonly minutesToday: number };

/** Counts outbound calls and their minutes in Redis, for all instances together. */
export type OutboundMeter = {
  /**
   * Takes a place and the first minute, in one step. `onExhausted`: the day has no further minute for this call. Throws
   * GatewayError store_unavailable.
   */
  reserve(
    orgId: string,
    caps: Pick<OutboundPolicy, 'maxCalls' | 'dailyMinutes'>,
    onExhausted: () => void,
  ): Promise<OutboundLease | 'calls' | 'minutes'>;
  /** Throws GatewayError store_unavailable. */
  usage(orgId: string): Promise<OutboundUsage>;
};

const liveKey = (orgId: string): string => orgKey(orgId, 'outbound-live');
const minutesKey = (orgId: string, now: number): string =>
  orgKey(orgId, 'outbound-minutes', new Date(now).toISOString().slice(0, 10));

export const createOutboundMeter = (options: {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly log: Logger;
}): OutboundMeter => {
  const { redis, clock, log } = options;

  const leaseOf = (
    orgId: string,
    id: string,
    firstDay: string,
    dailyMinutes: number,
    onExhausted: () => void,
  ): OutboundLease => {
    let renewal: Timer | null = null;
    let counting: Timer | null = null;
    let wasAnswered = false;
    let over = false;
    /** Minutes that Redis has not heard of. */
    let owed = 0;
    const renew = (): void => {
      renewal = clock.after(renewEvery, () => {
        redis
          .run(scripts.renew, [liveKey(orgId)], [id, leaseTime])
          .catch((err: unknown) => log.debug({ err, organization: orgId }, 'the lease of a call could not be renewed'));
        renew();
      });
    };
    const charge = async (): Promise<void> => {
      owed += 1;
      const asked = owed;
      try {
        const key = minutesKey(orgId, clock.now());
        const granted = replyNumber(await redis.run(scripts.charge, [key], [asked, dailyMinutes, dayKept]));
        owed -= asked;
        if (granted === 0 && !over) onExhausted();
      } catch (err) {
        // A call in progress goes on while Redis is away; its minutes are charged when it is back.
        log.warn({ err, organization: orgId, owed }, 'minutes of an outbound call could not be charged yet');
      }
    };
    const count = (): void => {
      counting = clock.after(minute, () => {
        void charge();
        count();
      });
    };
    renew();
    return {
      answered() {
        if (wasAnswered || over) return;
        wasAnswered = true;
        count();
      },
      async release() {
        if (over) return;
        over = true;
        renewal?.cancel();
        counting?.cancel();
        await redis
          .run(scripts.release, [liveKey(orgId), firstDay], [id, wasAnswered ? 0 : 1])
          .catch((err: unknown) => log.warn({ err, organization: orgId }, 'the lease of a call lapses by itself'));
      },
    };
  };

  return {
    async reserve(orgId, { maxCalls, dailyMinutes }, onExhausted) {
      const id = newUuid();
      const day = minutesKey(orgId, clock.now());
      const answer = replyText(
        await redis.run(scripts.reserve, [liveKey(orgId), day], [id, maxCalls, dailyMinutes, leaseTime, dayKept]),
      );
      if (answer === 'calls' || answer === 'minutes') return answer;
      return leaseOf(orgId, id, day, dailyMinutes, onExhausted);
    },
    async usage(orgId) {
      const now = clock.now();
      const [calls, minutes] = await Promise.all([
        redis.command('ZCOUNT', liveKey(orgId), now, '+inf'),
        redis.command('GET', minutesKey(orgId, now)),
      ]);
      return { calls: replyNumber(calls), minutesToday: Number(replyTextOrNull(minutes) ?? 0) };
    },
  };
};
