import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createG722Decoder, createG722Encoder, type G722Rate } from './g722.js';

const numbers = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
};

const length = 6_400;
const next = numbers(1);
const noise = Int16Array.from({ length }, () => (next() >>> 16) - 32_768);
const quiet = Int16Array.from({ length }, () => Math.trunc(((next() >>> 16) - 32_768) / 300));

const encode = (rate: G722Rate, input: Int16Array, frame = input.length): Uint8Array => {
  const perOctet = rate / 8_000;
  const out = new Uint8Array(input.length / perOctet);
  const encoder = createG722Encoder(rate);
  for (let at = 0; at < input.length; at += frame) encoder.encode(input, at, at + frame, out, at / perOctet);
  return out;
};

const decode = (rate: G722Rate, input: Uint8Array): Int16Array => {
  const out = new Int16Array((input.length * rate) / 8_000);
  createG722Decoder(rate).decode(input, 0, input.length, out, 0);
  return out;
};

const digest = (data: Uint8Array | Int16Array): string =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

const sine = (hz: number, rate: number, samples = 8_000, level = 8_000): Int16Array =>
  Int16Array.from({ length: samples }, (_, i) => Math.round(level * Math.sin((2 * Math.PI * hz * i) / rate)));

/** Power of the sine of `hz`, whatever its phase, against all other power, in dB. */
const snr = (samples: Int16Array, hz: number, rate: number): number => {
  const from = 1_000;
  const count = samples.length - from - ((samples.length - from) % (rate / 100));
  let re = 0;
  let im = 0;
  let total = 0;
  for (let i = from; i < from + count; i++) {
    re += samples[i]! * Math.cos((2 * Math.PI * hz * i) / rate);
    im += samples[i]! * Math.sin((2 * Math.PI * hz * i) / rate);
    total += samples[i]! * samples[i]!;
  }
  const power = (2 * (re * re + im * im)) / count;
  return 10 * Math.log10(power / Math.max(total - power, 1));
};

describe('G.722', () => {
  // Digests of what spandsp 0.0.6 makes of the same numbers.
  it.each([
    [16_000, 'noise', noise, '94f98e7fc9950c8b3daa79002cb98ad8fa7c7a034a50e35bee0e85d6173c5369'],
    [16_000, 'quiet', quiet, 'fde7f76d3d2d261318b118ec187a0d7d4f50ae9cd1e0b6910da32b6bb9b85da1'],
    [8_000, 'noise', noise, '929ef005efaa371ec613e9915284fd5c0a0d8c2cfe3ca05d95d1aa707919f48a'],
    [8_000, 'quiet', quiet, 'ff1f234b366842410d2bfe92fec8c7f039353d9fd8e671cc07459dea8cb6ff0a'],
  ] as const)('encodes at %i Hz bit by bit like another implementation: %s', (rate, _, input, expected) => {
    expect(digest(encode(rate, input))).toBe(expected);
  });

  it('decodes bit by bit like another implementation', () => {
    expect(digest(decode(16_000, encode(16_000, quiet)))).toBe(
      '2c1e40be61c9b64b16d9db605aee5f326e104ddc80c589b1aa305c6994072f77',
    );
    const random = numbers(5);
    const octets = Uint8Array.from({ length }, () => random() >>> 24);
    expect(digest(decode(8_000, octets))).toBe('d6afb10ad4afbce860bada88375385388c58b87a204267a8e598e7ba688bec63');
  });

  it('gives the same octets however the samples are cut into frames', () => {
    expect(encode(16_000, noise, 320)).toEqual(encode(16_000, noise));
    expect(encode(8_000, noise, 160)).toEqual(encode(8_000, noise));
  });

  it.each([300, 1_000, 3_000])('carries %i Hz at either rate', (hz) => {
    for (const rate of [8_000, 16_000] as const) {
      expect(snr(decode(rate, encode(rate, sine(hz, rate))), hz, rate)).toBeGreaterThan(25);
    }
  });

  it('carries the upper band at 16 kHz', () => {
    expect(snr(decode(16_000, encode(16_000, sine(5_500, 16_000))), 5_500, 16_000)).toBeGreaterThan(10);
  });

  it('is understood across the rates: narrow-band speech either way', () => {
    expect(snr(decode(16_000, encode(8_000, sine(1_000, 8_000))), 1_000, 16_000)).toBeGreaterThan(25);
    expect(snr(decode(8_000, encode(16_000, sine(1_000, 16_000, 16_000))), 1_000, 8_000)).toBeGreaterThan(25);
  });

  it('clips instead of wrapping around', () => {
    const square = Int16Array.from({ length }, (_, i) => (Math.floor(i / 37) % 2 ? 32_767 : -32_768));
    const decoded = decode(16_000, encode(16_000, square));
    // In the middle of each half wave the sign is that of the input, 11 samples later.
    for (let i = 370; i < length - 40; i += 37)
      expect(Math.sign(decoded[i + 18 + 22]!)).toBe(Math.sign(square[i + 18]!));
  });
});
