/** A token bucket per key, in this process' memory. */
export type RateLimiter = {
  /** Takes one token. 0: go on; else ms until there is one again. */
  take(key: string): number;
  /** How many keys are remembered. */
  size(): number;
};

/**
 * @param options.perSecond tokens that come back each second
 * @param options.burst tokens of a full bucket
 * @param options.mostKeys keys remembered; beyond it the ones unused longest are forgotten, full buckets first by age
 */
export const createRateLimiter = (options: {
  readonly perSecond: number;
  readonly burst: number;
  readonly mostKeys?: number;
  readonly monotonic: () => number;
}): RateLimiter => {
  const { perSecond, burst, monotonic } = options;
  const mostKeys = options.mostKeys ?? 10_000;
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(key) {
      const now = monotonic();
      const before = buckets.get(key);
      const tokens = Math.min(
        burst,
        (before?.tokens ?? burst) + (before === undefined ? 0 : ((now - before.at) / 1_000) * perSecond),
      );
      // Deleted and set anew, so that the map's order is the order of use.
      buckets.delete(key);
      if (buckets.size >= mostKeys) {
        const [oldest] = buckets.keys();
        if (oldest !== undefined) buckets.delete(oldest);
      }
      const allowed = tokens >= 1;
      buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
      return allowed ? 0 : Math.ceil(((1 - tokens) / perSecond) * 1_000);
    },
    size: () => buckets.size,
  };
};
