import { expect } from 'vitest';
import { toneLevel, totalLevel } from './goertzel.js';

const second = 8_000;

export type Tone = { readonly hz: number; readonly level: number };

/** The loudest run of `length` samples, found in steps of a tenth of it. */
const loudest = (samples: Int16Array, hz: number, length: number): Int16Array => {
  let best = samples.subarray(0, length);
  for (let at = 0; at + length <= samples.length; at += Math.floor(length / 10)) {
    const piece = samples.subarray(at, at + length);
    if (toneLevel(piece, hz) > toneLevel(best, hz)) best = piece;
  }
  return best;
};

/** The frequency, to the Hz, at which `samples` are loudest within 20 Hz of the expected one. */
const frequencyOf = (samples: Int16Array, near: number): number => {
  let best = near;
  for (let hz = near - 20; hz <= near + 20; hz += 1) {
    if (toneLevel(samples, hz) > toneLevel(samples, best)) best = hz;
  }
  return best;
};

/** A tone alone: at its level and frequency, and nothing else of weight beside it. */
export const expectTone = (samples: Int16Array, tone: Tone): void => {
  const piece = loudest(samples, tone.hz, second);
  expect(frequencyOf(piece, tone.hz)).toBe(tone.hz);
  expect(toneLevel(piece, tone.hz)).toBeGreaterThan(tone.level - 0.5);
  expect(toneLevel(piece, tone.hz)).toBeLessThan(tone.level + 0.5);
  expect(totalLevel(piece)).toBeLessThan(tone.level + 0.5);
};
