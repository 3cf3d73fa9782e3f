import { expect, it } from 'vitest';
import { linePath, type Point, summaryOf } from './plot-layout.js';

const point = (at: number, mos: number | null, lossPercent = 0): Point => ({
  ...{ at, mos, lossPercent },
  ...{ jitterMs: 2, roundTripMs: null },
});

it('draws a line from the first moment to the last, and none where nothing was measured', () => {
  const points = [point(0, 4.5), point(50, 1), point(60, null), point(100, 4.5)];
  expect(linePath(points, { from: 0, to: 100 }, { width: 200, height: 70 })).toBe('M0.0 0.0 L100.0 70.0 M200.0 0.0');
  expect(linePath([point(5, 4.5)], { from: 5, to: 5 }, { width: 200, height: 70 })).toBe('M0.0 0.0');
});

it('says how a leg sounds now and at its worst', () => {
  expect(summaryOf([point(0, 4.4), point(1, 3, 12), point(2, 4.2)])).toMatchObject({
    now: 4.2,
    worst: 3,
    mostLost: 12,
  });
  expect(summaryOf([])).toMatchObject({ now: null, worst: null, mostLost: 0 });
});
