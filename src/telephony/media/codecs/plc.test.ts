import { describe, expect, it } from 'vitest';
import { createConcealment, findPitch } from './plc.js';

const frame = 160;

/** A voice-like sound: harmonics of a pitch. */
const voice = (hz: number, samples: number, level = 8_000): Int16Array =>
  Int16Array.from({ length: samples }, (_, i) => {
    let value = 0;
    for (let harmonic = 1; harmonic <= 5; harmonic++) {
      value += Math.sin((2 * Math.PI * hz * harmonic * i) / 8_000 + harmonic) / harmonic;
    }
    return Math.round((value * level) / 2);
  });

const largestStep = (samples: Int16Array, from = 1, to = samples.length): number => {
  let largest = 0;
  for (let i = Math.max(1, from); i < to; i++) largest = Math.max(largest, Math.abs(samples[i]! - samples[i - 1]!));
  return largest;
};

/** Plays `input`, losing the frames for which `isLost` is true. */
const play = (input: Int16Array, isLost: (index: number) => boolean): Int16Array => {
  const out = new Int16Array(input.length);
  const concealment = createConcealment();
  for (let at = 0, index = 0; at + frame <= input.length; at += frame, index++) {
    if (isLost(index)) {
      concealment.conceal(out, at, at + frame);
    } else {
      out.set(input.subarray(at, at + frame), at);
      concealment.received(out, at, at + frame);
    }
  }
  return out;
};

const energy = (samples: Int16Array): number => samples.reduce((sum, sample) => sum + sample * sample, 0);

describe('concealment of lost packets', () => {
  it('changes nothing when nothing is lost', () => {
    const input = voice(120, 8_000);
    expect(play(input, () => false)).toEqual(input);
  });

  it.each([80, 100, 125, 160, 200])('finds the pitch of a voice of %i Hz or a multiple of it', (hz) => {
    const lag = findPitch(voice(hz, 400));
    const periods = lag / (8_000 / hz);
    expect(Math.abs(periods - Math.round(periods))).toBeLessThan(0.06);
  });

  it.each([80, 100, 125, 160, 200])('continues a voice of %i Hz so that a lost packet is hardly there', (hz) => {
    const input = voice(hz, 160 * 60);
    const lost = (index: number): boolean => index > 4 && index % 10 === 0;
    const output = play(input, lost);
    const error = Int16Array.from(input, (sample, i) => sample - output[i]!);
    const silenced = Int16Array.from(input, (sample, i) => (lost(Math.floor(i / frame)) ? sample : 0));
    // Compared with silence in place of the packet, the error is at least 10 dB smaller.
    expect(10 * Math.log10(energy(silenced) / energy(error))).toBeGreaterThan(10);
  });

  it('joins both ends without steps that the voice does not have itself', () => {
    const input = voice(110, 160 * 40);
    const output = play(input, (index) => index > 4 && index % 7 < 2);
    expect(largestStep(output)).toBeLessThan(largestStep(input) * 1.6);
  });

  it('keeps the level for 10 ms, fades, and is silent after 60 ms', () => {
    const input = voice(100, 160 * 20);
    const output = play(input, (index) => index >= 10);
    const part = (fromMs: number, toMs: number): number =>
      Math.sqrt(energy(output.subarray(1_600 + fromMs * 8, 1_600 + toMs * 8)) / ((toMs - fromMs) * 8));
    const before = Math.sqrt(energy(input.subarray(800, 1_600)) / 800);
    expect(part(0, 10) / before).toBeGreaterThan(0.8);
    expect(part(30, 40) / before).toBeLessThan(0.7);
    expect(part(60, 200)).toBe(0);
  });

  it('never makes up sound from silence, nor before the first packet', () => {
    expect(new Set(play(new Int16Array(3_200), (index) => index % 2 === 0))).toEqual(new Set([0]));
    const out = new Int16Array(frame).fill(9);
    createConcealment().conceal(out, 0, frame);
    expect(new Set(out)).toEqual(new Set([0]));
  });

  it('never overflows, not even with noise at full level', () => {
    let seed = 7;
    const input = Int16Array.from({ length: 160 * 100 }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed & 0x10000 ? 32_767 : -32_768;
    });
    const output = play(input, (index) => index % 3 === 1);
    expect(output.every((sample) => sample >= -32_768 && sample <= 32_767)).toBe(true);
  });

  it('forgets the past at a reset', () => {
    const concealment = createConcealment();
    concealment.received(voice(100, 400), 0, 400);
    concealment.reset();
    const out = new Int16Array(frame);
    concealment.conceal(out, 0, frame);
    expect(new Set(out)).toEqual(new Set([0]));
  });
});
