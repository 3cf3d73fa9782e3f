/** Lets `burst` through at once and `perSecond` on average. */
export type TokenBucket = {
  /** 0: one token was taken, go on; else ms until there is one. */
  take(): number;
};

export const createTokenBucket = (
  rate: { readonly perSecond: number; readonly burst: number },
  monotonic: () => number,
): TokenBucket => {
  let tokens = rate.burst;
  let at = monotonic();
  return {
    take() {
      const now = monotonic();
      tokens = Math.min(rate.burst, tokens + ((now - at) / 1_000) * rate.perSecond);
      at = now;
      if (tokens < 1) return Math.ceil(((1 - tokens) / rate.perSecond) * 1_000);
      tokens -= 1;
      return 0;
    },
  };
};
