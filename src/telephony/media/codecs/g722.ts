import type { Band } from './g722-band.js';
import { adaptScale, newBand, predict, saturate } from './g722-band.js';

/**
 * G.722 at 64 kbit/s (ITU-T G.722, 2012; payload format RFC 3551 section 4.5.2): two sub-bands of adaptive differential
 * coding, one octet for two samples at 16 kHz.
 *
 * At 8 kHz only the lower band is used: the octets are ordinary G.722, heard by the peer as narrow-band speech, and an
 * octet is one sample. That spares the filters, and a resampler, where audio is at 8 kHz anyway.
 */
export type G722Rate = 8_000 | 16_000;

export type G722Encoder = {
  /** Encodes `input[start..end)`, at 16 kHz an even number of samples, to `output` from `at` on. */
  encode(input: Int16Array, start: number, end: number, output: Uint8Array, at: number): void;
};

export type G722Decoder = {
  /** Decodes `input[start..end)` to one sample an octet at 8 kHz, two at 16 kHz. */
  decode(input: Uint8Array, start: number, end: number, output: Int16Array, at: number): void;
};

/** Quadrature mirror filter, one half; the other is its mirror image (table 11). */
const mirror = Int32Array.from([3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11]);

/** Decision levels of the lower band (table 14, Q6). */
const lowDecisions = Int32Array.from([
  0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339,
  1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
]);

/** Inverse quantiser of four bits, by which both sides adapt (table 17, QM4). */
const lowInverse4 = Int32Array.from([
  0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0,
]);

/** Inverse quantiser of six bits, by which the decoder speaks (table 19, QM6): magnitudes from code 4 on. */
const lowMagnitudes6 = Int32Array.from([
  24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000,
  5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728,
]);
const lowInverse6 = new Int32Array(64).fill(-136, 0, 4);
lowInverse6.set(
  lowMagnitudes6.map((magnitude) => -magnitude),
  4,
);
lowInverse6.set(lowMagnitudes6, 32);
lowInverse6.set([432, 136, -432, -136], 60);

const highInverse = Int32Array.from([-7_408, -1_616, 7_408, 1_616]);
/** Scale adaptation by the upper bits of a code: W of blocks LOGSCL (by RL42) and LOGSCH (by RH2). */
const lowWeights = Int32Array.from([
  -60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60,
]);
const highWeights = Int32Array.from([798, -214, 798, -214]);

const adaptLow = (band: Band, code4: number): void => {
  const difference = (band.scale * lowInverse4[code4]!) >> 15;
  adaptScale(band, lowWeights[code4]!, 18_432, 8);
  predict(band, difference);
};

const adaptHigh = (band: Band, code: number): void => {
  const difference = (band.scale * highInverse[code]!) >> 15;
  adaptScale(band, highWeights[code]!, 22_528, 10);
  predict(band, difference);
};

/** The six-bit code of a lower-band sample (block QUANTL). */
const quantizeLow = (band: Band, sample: number): number => {
  const error = saturate(sample - band.predicted);
  const magnitude = error >= 0 ? error : ~error;
  let level = 1;
  while (level < 30 && magnitude >= (lowDecisions[level]! * band.scale) >> 12) level++;
  if (error >= 0) return 62 - level;
  return level < 3 ? 64 - level : 34 - level;
};

/** The two-bit code of an upper-band sample (block QUANTH). */
const quantizeHigh = (band: Band, sample: number): number => {
  const error = saturate(sample - band.predicted);
  const magnitude = error >= 0 ? error : ~error;
  const outer = magnitude >= (564 * band.scale) >> 12;
  return error >= 0 ? (outer ? 2 : 3) : outer ? 0 : 1;
};

const halfLength = mirror.length;

/** The last 24 samples; moved all together when the room behind them is used up. */
const createDelayLine = () => {
  const samples = new Int32Array(24 + 320);
  let at = 0;
  return {
    samples,
    /** Takes two samples in and returns where the line of 24 begins. */
    push(first: number, second: number): number {
      if (at + 24 > samples.length - 2) {
        samples.copyWithin(0, at, at + 24);
        at = 0;
      }
      at += 2;
      samples[at + 22] = first;
      samples[at + 23] = second;
      return at;
    },
  };
};

export const createG722Encoder = (rate: G722Rate): G722Encoder => {
  const low = newBand(32);
  const high = newBand(8);
  if (rate === 8_000) {
    return {
      encode(input, start, end, output, at) {
        for (let i = start, o = at; i < end; i++, o++) {
          const code = quantizeLow(low, input[i]! >> 1);
          adaptLow(low, code >> 2);
          // Code 3 of the upper band is its smallest step: silence.
          output[o] = 0xc0 | code;
        }
      },
    };
  }
  const line = createDelayLine();
  return {
    encode(input, start, end, output, at) {
      for (let i = start, o = at; i + 1 < end; i += 2, o++) {
        const from = line.push(input[i]!, input[i + 1]!);
        let even = 0;
        let odd = 0;
        for (let tap = 0; tap < halfLength; tap++) {
          odd += line.samples[from + 2 * tap]! * mirror[tap]!;
          even += line.samples[from + 2 * tap + 1]! * mirror[halfLength - 1 - tap]!;
        }
        const lowCode = quantizeLow(low, (even + odd) >> 14);
        adaptLow(low, lowCode >> 2);
        const highCode = quantizeHigh(high, (even - odd) >> 14);
        adaptHigh(high, highCode);
        output[o] = (highCode << 6) | lowCode;
      }
    },
  };
};

const limit = (value: number): number => (value > 16_383 ? 16_383 : value < -16_384 ? -16_384 : value);

export const createG722Decoder = (rate: G722Rate): G722Decoder => {
  const low = newBand(32);
  const high = newBand(8);
  const decodeLow = (code: number): number => {
    const sample = limit(low.predicted + ((low.scale * lowInverse6[code]!) >> 15));
    adaptLow(low, code >> 2);
    return sample;
  };
  if (rate === 8_000) {
    return {
      decode(input, start, end, output, at) {
        for (let i = start, o = at; i < end; i++, o++) output[o] = decodeLow(input[i]! & 0x3f) << 1;
      },
    };
  }
  const line = createDelayLine();
  return {
    decode(input, start, end, output, at) {
      for (let i = start, o = at; i < end; i++, o += 2) {
        const code = input[i]!;
        const lowSample = decodeLow(code & 0x3f);
        const highCode = code >> 6;
        const highSample = limit(high.predicted + ((high.scale * highInverse[highCode]!) >> 15));
        adaptHigh(high, highCode);
        const from = line.push(lowSample + highSample, lowSample - highSample);
        let even = 0;
        let odd = 0;
        for (let tap = 0; tap < halfLength; tap++) {
          odd += line.samples[from + 2 * tap]! * mirror[tap]!;
          even += line.samples[from + 2 * tap + 1]! * mirror[halfLength - 1 - tap]!;
        }
        output[o] = saturate(even >> 11);
        output[o + 1] = saturate(odd >> 11);
      }
    },
  };
};
