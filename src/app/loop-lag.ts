import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../core/clock.js';

export type LoopLag = {
  /** True while the event loop is so late that another call would harm those there are. */
  readonly overloaded: () => boolean;
  /** Median lag of the last second, ms. */
  readonly lagMs: () => number;
  stop(): void;
};

/**
 * Watches how late the event loop is. The median of a second is taken rather than the mean: one long garbage collection
 * is no overload, a loop that is late most of the time is.
 */
export const watchLoopLag = (clock: Clock, limitMs = 100): LoopLag => {
  const resolution = 10;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  let lag = 0;
  let timer = clock.after(1_000, function sample() {
    lag = Math.max(0, histogram.percentile(50) / 1e6 - resolution);
    histogram.reset();
    timer = clock.after(1_000, sample);
  });
  return {
    overloaded: () => lag > limitMs,
    lagMs: () => lag,
    stop: () => {
      timer.cancel();
      histogram.disable();
    },
  };
};
