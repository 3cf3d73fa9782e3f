import { expect, it } from 'vitest';
import { createCadence } from './cadence.js';

/** What is said of pieces of `audioMs` that come every `everyMs`. */
const said = (audioMs: number, everyMs: number, pieces = 1_000): number[] => {
  const cadence = createCadence();
  return Array.from({ length: pieces }, (_, i) => cadence.piece(i * everyMs, audioMs)).filter(
    (ratio): ratio is number => ratio !== null,
  );
};

it('audio as fast as time goes by is right, and so is any other speed that no mistaken format gives', () => {
  expect(said(20, 20)).toEqual([]);
  expect(said(20, 19)).toEqual([]);
  expect(said(100, 12)).toEqual([]);
  expect(said(20, 15)).toEqual([]);
});

it('half or twice as fast, steadily, is another format, and is said once', () => {
  expect(said(10, 20).map((ratio) => ratio.toFixed(1))).toEqual(['0.5']);
  expect(said(40, 20).map((ratio) => ratio.toFixed(1))).toEqual(['2.0']);
  expect(said(5, 20).map((ratio) => ratio.toFixed(2))).toEqual(['0.25']);
});

it('bursts with pauses between them are not judged', () => {
  const cadence = createCadence();
  for (let burst = 0; burst < 100; burst += 1) {
    for (let piece = 0; piece < 10; piece += 1) expect(cadence.piece(burst * 400 + piece * 10, 20)).toBeNull();
  }
});
