import { describe, expect, it } from 'vitest';
import { estimateMos, meanOpinionScore, transmissionRating } from './quality.js';

const clean = { loss: 0, jitterMs: 0, roundTripMs: 20 };

describe('the estimated opinion score', () => {
  it.each([
    [0, 1],
    [50, 2.58],
    [60, 3.1],
    [70, 3.6],
    [80, 4.02],
    [90, 4.34],
    [100, 4.5],
  ])('is what table B.1 of G.107 gives for R %d', (rating, mos) => {
    expect(meanOpinionScore(rating)).toBeCloseTo(mos, 1);
  });

  it('is 4.4 on a perfect network', () => {
    expect(estimateMos(clean)).toBeGreaterThan(4.35);
    expect(estimateMos({ ...clean, roundTripMs: null })).toBeGreaterThan(4.3);
  });

  it('falls with loss, jitter and delay', () => {
    const losses = [0, 0.01, 0.03, 0.1, 0.3, 1].map((loss) => estimateMos({ ...clean, loss }));
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(losses[2]).toBeGreaterThan(3.7);
    expect(losses[3]).toBeLessThan(3.6);
    expect(losses[5]).toBeLessThan(1.5);
    expect(estimateMos({ ...clean, jitterMs: 100 })).toBeLessThan(estimateMos({ ...clean, jitterMs: 10 }));
    expect(estimateMos({ ...clean, roundTripMs: 800 })).toBeLessThan(3.6);
  });

  it('stays within its scale whatever it is given', () => {
    for (const loss of [-1, 0, 2, Number.POSITIVE_INFINITY]) {
      for (const jitterMs of [0, 1e9]) {
        const mos = estimateMos({ loss, jitterMs, roundTripMs: 1e9 });
        expect(mos).toBeGreaterThanOrEqual(1);
        expect(mos).toBeLessThanOrEqual(4.5);
      }
    }
    expect(transmissionRating({ loss: 1, jitterMs: 1e6, roundTripMs: 1e6 })).toBe(0);
  });
});
