import { describe, expect, it } from 'vitest';
import { watchLag } from './overload.js';
import { manualEngineClock } from './testing/manual-clock.js';

describe('the watch over the engine thread', () => {
  it('tells for a while that the thread was late, and not before', () => {
    const clock = manualEngineClock();
    let late = 0;
    // A clock whose timers fire late, as they do when the thread is busy.
    const lagging = { now: () => clock.now() + late, after: clock.after };
    const lag = watchLag(lagging);
    clock.advance(1_000);
    expect(lag.behind()).toBe(false);
    late = 600;
    clock.advance(100);
    expect(lag.behind()).toBe(true);
    clock.advance(499);
    expect(lag.behind()).toBe(true);
    clock.advance(2);
    expect(lag.behind()).toBe(false);
    lag.stop();
    expect(clock.pending).toBe(0);
  });
});
