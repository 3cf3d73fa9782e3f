import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../core/clock.js';

export type LoopLag = {
  /** True while the event loop is so late that another call would harm those there are. */
  readonly overloaded: () => boolean;
  /** Median lag of the last look, ms. */
  readonly lagMs: () => number;
  stop(): void;
};

/** ms between two looks, and how many in a row must be bad: a burst at a cold start is no overload. */
const interval = 500;
const badLooks = 3;

/**
 * Watches how late the event loop is. The median of a look is taken rather than the mean: one long garbage collection is
 * no overload, a loop that is late most of the time, for a second and a half, is.
 */
export const watchLoopLag = (clock: Clock, limitMs = 100): LoopLag => {
  const resolution = 10;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  let lag = 0;
  let bad = 0;
  let timer = clock.after(interval, function look() {
    lag = Math.max(0, histogram.percentile(50) / 1e6 - resolution);
    bad = lag > limitMs ? bad + 1 : 0;
    histogram.reset();
    timer = clock.after(interval, look);
  });
  return {
    overloaded: () => bad >= badLooks,
    lagMs: () => lag,
    stop: () => {
      timer.cancel();
      histogram.disable();
    },
  };
};
