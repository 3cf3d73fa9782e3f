import { describe, expect, it } from 'vitest';
import { systemClock } from '../core/clock.js';
import { manualClock } from '../core/manual-clock.js';
import { watchLoopLag } from './loop-lag.js';

/** Looks with these medians, ms, one after the other; the verdict after each. */
const verdicts = (...medians: readonly number[]): readonly boolean[] => {
  const clock = manualClock();
  const waiting = [...medians];
  const lag = watchLoopLag(clock, { take: () => waiting.shift() ?? 0, stop: () => {} });
  const seen = medians.map(() => {
    clock.advance(500);
    return lag.overloaded();
  });
  lag.stop();
  expect(clock.pending()).toBe(0);
  return seen;
};

describe('the watch over the event loop', () => {
  it('calls it overload when three looks in a row were bad, until the first good one', () => {
    expect(verdicts(150, 150, 150, 400, 20, 150, 150)).toEqual([false, false, true, true, false, false, false]);
  });

  it('lets the first calls of a cold start in, however long they hold the loop up', () => {
    // Starting compiles everything once: two looks are as bad as can be, then all is warm.
    expect(verdicts(900, 900, 5, 80, 3)).toEqual([false, false, false, false, false]);
  });

  it('counts a lag of exactly the limit as bearable', () => {
    expect(verdicts(100, 100, 100, 101, 101, 101)).toEqual([false, false, false, false, false, true]);
  });

  it('sees a real event loop that is held up turn after turn, and that it is free again', async () => {
    const lag = watchLoopLag(systemClock);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    expect(lag.overloaded()).toBe(false);
    while (!lag.overloaded()) {
      const until = performance.now() + 250;
      while (performance.now() < until);
      await turn();
    }
    expect(lag.lagMs()).toBeGreaterThan(100);
    while (lag.overloaded()) await new Promise((resolve) => setTimeout(resolve, 50));
    lag.stop();
  });
});
