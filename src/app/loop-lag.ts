import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../core/clock.js';

export type LoopLag = {
  /** True while the event loop is so late that another call would harm those there are. */
  readonly overloaded: () => boolean;
  /** Median lag of the last look, ms. */
  readonly lagMs: () => number;
  stop(): void;
};

/** What tells how late the event loop was. */
export type DelayMeter = {
  /** Median lag since the last time it was asked, ms. */
  take(): number;
  stop(): void;
};

/** ms between two looks, and how many in a row must be bad: a burst at a cold start is no overload. */
const interval = 500;
const badLooks = 3;

/**
 * Node's own meter: a timer of the event loop, every `resolution` ms, whose lateness goes into a histogram. Ten of them
 * make a look; more would only wake up an idle process.
 */
export const eventLoopMeter = (resolution = 50): DelayMeter => {
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  return {
    take: () => {
      const median = Math.max(0, histogram.percentile(50) / 1e6 - resolution);
      histogram.reset();
      return median;
    },
    stop: () => void histogram.disable(),
  };
};

/**
 * Watches how late the event loop is. The median of a look is taken rather than the mean: one long garbage collection is
 * no overload, a loop that is late most of the time, for a second and a half, is.
 */
export const watchLoopLag = (clock: Clock, meter: DelayMeter = eventLoopMeter(), limitMs = 100): LoopLag => {
  let lag = 0;
  let bad = 0;
  let timer = clock.after(interval, function look() {
    lag = meter.take();
    bad = lag > limitMs ? bad + 1 : 0;
    timer = clock.after(interval, look);
  });
  return {
    overloaded: () => bad >= badLooks,
    lagMs: () => lag,
    stop: () => {
      timer.cancel();
      meter.stop();
    },
  };
};
