import { describe, expect, it } from 'vitest';
import { watchLag } from './overload.js';
import { manualEngineClock } from './testing/manual-clock.js';

/** A clock whose next timers fire late, as they do when the thread is busy. */
const busyClock = () => {
  const clock = manualEngineClock();
  let delay = 0;
  return {
    clock: { now: clock.now, after: (ms: number, fn: () => void) => clock.after(ms + delay, fn) },
    lateBy: (ms: number) => {
      delay = ms;
    },
    advance: clock.advance,
    manual: clock,
  };
};

describe('the watch over the engine thread', () => {
  it('tells for a while that the thread is late again and again', () => {
    const busy = busyClock();
    const lag = watchLag(busy.clock);
    busy.lateBy(600);
    busy.advance(100 + 700);
    expect(lag.behind()).toBe(false);
    busy.advance(700);
    expect(lag.behind()).toBe(true);
    busy.lateBy(0);
    busy.advance(499);
    expect(lag.behind()).toBe(true);
    busy.advance(800);
    expect(lag.behind()).toBe(false);
    lag.stop();
    expect(busy.manual.pending).toBe(0);
  });

  it('takes one long stop, as of a cold start, for no overload', () => {
    const busy = busyClock();
    const lag = watchLag(busy.clock);
    busy.lateBy(3_000);
    busy.advance(100);
    busy.lateBy(0);
    for (let looked = 0; looked < 4_000; looked += 50) {
      busy.advance(50);
      expect(lag.behind()).toBe(false);
    }
    lag.stop();
  });
});
