/** Time as the engine sees it, in milliseconds, so that every timer of RFC 3261 can be tested without waiting. */
export type EngineClock = {
  /** Wall clock, ms since the epoch. */
  now(): number;
  after(ms: number, fn: () => void): { cancel(): void };
};

export const realClock: EngineClock = {
  now: () => Date.now(),
  after: (ms, fn) => {
    const handle = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};
