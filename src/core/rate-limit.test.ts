import { describe, expect, it } from 'vitest';
import { manualClock } from './manual-clock.js';
import { createRateLimiter } from './rate-limit.js';

describe('the rate limiter', () => {
  const rate = { perSecond: 2, burst: 3 };

  it('lets a burst pass, then the rate, and says how long to wait', () => {
    const clock = manualClock();
    const limiter = createRateLimiter(clock);
    expect([1, 2, 3, 4].map(() => limiter.take('a', rate))).toEqual([0, 0, 0, 500]);
    expect(limiter.take('b', rate)).toBe(0);
    clock.advance(500);
    expect(limiter.take('a', rate)).toBe(0);
    expect(limiter.take('a', rate)).toBe(500);
    clock.advance(60_000);
    expect([1, 2, 3, 4].map(() => limiter.take('a', rate))).toEqual([0, 0, 0, 500]);
  });

  it('forgets the source untouched for longest when a flood of sources comes', () => {
    const limiter = createRateLimiter(manualClock(), 100);
    limiter.take('steady', rate);
    for (let source = 0; source < 10_000; source++) {
      limiter.take(`s${source}`, rate);
      if (source % 50 === 0) limiter.take('steady', rate);
    }
    expect(limiter.size()).toBe(100);
    expect(limiter.take('steady', rate)).toBeGreaterThan(0);
  });
});
