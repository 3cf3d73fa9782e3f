import type { Clock } from './clock.js';

export type Rate = { readonly perSecond: number; readonly burst: number };

/** Counts requests by key. Memory is bounded: beyond `capacity` keys the one untouched for longest is forgotten. */
export type RateLimiter = {
  /** Whole milliseconds until the next request of this key would pass; 0 when this one does (and is counted). */
  take(key: string, rate: Rate): number;
  readonly size: () => number;
};

type Bucket = { tokens: number; at: number };

/**
 * Token buckets: each key may do `burst` requests at once and `perSecond` on average. A forgotten key starts with a
 * full bucket, which is why the capacity is far above the number of peers a gateway has. In this process' memory.
 */
export const createRateLimiter = (clock: Pick<Clock, 'monotonic'>, capacity = 10_000): RateLimiter => {
  // A Map keeps insertion order; touching a key moves it to the end, so the first one is the oldest.
  const buckets = new Map<string, Bucket>();
  return {
    take: (key, rate) => {
      const now = clock.monotonic();
      const known = buckets.get(key);
      const bucket = known ?? { tokens: rate.burst, at: now };
      if (known !== undefined) {
        bucket.tokens = Math.min(rate.burst, bucket.tokens + ((now - bucket.at) / 1000) * rate.perSecond);
        bucket.at = now;
        buckets.delete(key);
      } else if (buckets.size >= capacity) {
        const oldest = buckets.keys().next();
        if (oldest.done !== true) buckets.delete(oldest.value);
      }
      buckets.set(key, bucket);
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return 0;
      }
      return Math.ceil(((1 - bucket.tokens) / rate.perSecond) * 1000);
    },
    size: () => buckets.size,
  };
};

/** The limit of one thing that needs no key. */
export type TokenBucket = {
  /** Whole milliseconds until the next one would pass; 0 when this one does. */
  take(): number;
};

export const createTokenBucket = (rate: Rate, monotonic: () => number): TokenBucket => {
  const limiter = createRateLimiter({ monotonic }, 1);
  return { take: () => limiter.take('', rate) };
};
