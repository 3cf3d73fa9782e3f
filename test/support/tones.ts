import { expect } from 'vitest';
import { toneLevel, totalLevel } from './goertzel.js';

export type Tone = { readonly hz: number; readonly level: number };

/** The loudest second, found in steps of a tenth of it. */
const loudest = (samples: Int16Array, hz: number, rate: number): Int16Array => {
  let best = samples.subarray(0, rate);
  for (let at = 0; at + rate <= samples.length; at += Math.floor(rate / 10)) {
    const piece = samples.subarray(at, at + rate);
    if (toneLevel(piece, hz, rate) > toneLevel(best, hz, rate)) best = piece;
  }
  return best;
};

/** The frequency, to the Hz, at which `samples` are loudest within 20 Hz of the expected one. */
const frequencyOf = (samples: Int16Array, near: number, rate: number): number => {
  let best = near;
  for (let hz = near - 20; hz <= near + 20; hz += 1) {
    if (toneLevel(samples, hz, rate) > toneLevel(samples, best, rate)) best = hz;
  }
  return best;
};

/** A tone alone: at its level and frequency, and nothing else of weight beside it. */
export const expectTone = (samples: Int16Array, tone: Tone, rate = 8_000): void => {
  const piece = loudest(samples, tone.hz, rate);
  expect(frequencyOf(piece, tone.hz, rate)).toBe(tone.hz);
  expect(toneLevel(piece, tone.hz, rate)).toBeGreaterThan(tone.level - 0.5);
  expect(toneLevel(piece, tone.hz, rate)).toBeLessThan(tone.level + 0.5);
  expect(totalLevel(piece)).toBeLessThan(tone.level + 0.5);
};
