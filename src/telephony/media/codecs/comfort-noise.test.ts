import { describe, expect, it } from 'vitest';
import { createNoiseSource, noiseShape, readComfortNoise } from './comfort-noise.js';

const made = (shape: ReturnType<typeof noiseShape>, length = 16_000): Int16Array => {
  const out = new Int16Array(length);
  createNoiseSource().fill(out, 0, length, shape);
  return out;
};

/** dB below a square wave of full scale. */
const level = (samples: Int16Array): number =>
  -20 * Math.log10(Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) / 32_767);

/** How alike neighbours are: 1 for a rumble, -1 for a hiss, 0 for white noise. */
const neighbours = (samples: Int16Array): number => {
  let product = 0;
  let power = 0;
  for (let i = 1; i < samples.length; i++) {
    product += samples[i]! * samples[i - 1]!;
    power += samples[i]! * samples[i]!;
  }
  return product / power;
};

/** A payload: the level, and reflection coefficients as section 3.2 writes them. */
const payload = (dBov: number, ...reflections: number[]): Uint8Array =>
  Uint8Array.from([dBov, ...reflections.map((k) => Math.round((k * 32_768) / 258) + 127)]);

const read = (bytes: Uint8Array) => readComfortNoise(bytes, 0, bytes.length)!;

describe('comfort noise', () => {
  it.each([20, 40, 60, 70])('has the level that the packet tells: -%i dBov', (dBov) => {
    expect(Math.abs(level(made(read(payload(dBov)))) - dBov)).toBeLessThan(0.7);
  });

  it.each([
    ['a rumble', [-0.9], 0.9],
    ['a hiss', [0.9], -0.9],
    ['white', [0, 0], 0],
    ['of five coefficients', [-0.7, 0.3, -0.1, 0.2, 0.1], 0.7],
  ])('has the colour and still the level: %s', (_, reflections, expected) => {
    const samples = made(read(payload(40, ...reflections)));
    expect(Math.abs(neighbours(samples) - expected)).toBeLessThan(0.06);
    expect(Math.abs(level(samples) - 40)).toBeLessThan(1);
  });

  it('never runs away, whatever the packet says', () => {
    const wild = read(Uint8Array.from([0, ...Array.from({ length: 60 }, (_, i) => (i % 2 ? 255 : 0))]));
    expect(wild.predictor.length).toBe(12);
    expect(made(wild).every((sample) => Math.abs(sample) <= 32_767)).toBe(true);
    const source = createNoiseSource();
    const out = new Int16Array(16_000);
    source.fill(out, 0, 8_000, wild);
    source.fill(out, 8_000, 16_000, noiseShape(60));
    expect(Math.abs(level(out.subarray(8_100)) - 60)).toBeLessThan(1);
  });

  it('reads the level alone, without its highest bit, and nothing from an empty payload', () => {
    expect(read(Uint8Array.from([0x80 | 40])).rms).toBeCloseTo(noiseShape(40).rms);
    expect(readComfortNoise(Uint8Array.of(), 0, 0)).toBeNull();
    expect(readComfortNoise(Uint8Array.of(40), 0, 2)).toBeNull();
  });
});
