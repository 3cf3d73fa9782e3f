/** Converts mono samples to 8 kHz, a piece at a time. */
export type Resampler = {
  /** Converts what can be converted with what has come so far. The result is valid until the next call. */
  push(samples: Float32Array, count: number): Int16Array;
  /** The rest, when nothing more comes. */
  flush(): Int16Array;
};

const outputRate = 8_000;
/** Zero crossings of the filter on each side, at the output rate. */
const halfWidth = 20;
/**
 * Half the pass band's edge, as a part of the output rate: flat to 3.4 kHz, which is where telephony ends, and 60 dB down
 * from 4 kHz on, which would be heard as another frequency.
 */
const cutoff = 3_720 / outputRate;
/** Of the Kaiser window: about 70 dB of stop band. */
const beta = 7;

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** Modified Bessel function of order zero, by its series. */
const besselI0 = (x: number): number => {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
};

/** One filter for each of the `phases` positions an output sample can have between two input samples. */
const designFilters = (ratio: number, phases: number): { readonly taps: number; readonly filters: Float32Array } => {
  const reach = halfWidth * ratio;
  const taps = 2 * Math.ceil(reach);
  const filters = new Float32Array(phases * taps);
  const scale = besselI0(beta);
  for (let phase = 0; phase < phases; phase++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = tap - (taps / 2 - 1) - phase / phases;
      const x = distance / reach;
      const window = Math.abs(x) >= 1 ? 0 : besselI0(beta * Math.sqrt(1 - x * x)) / scale;
      const t = (2 * cutoff * distance) / ratio;
      const value = (t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t)) * window;
      filters[phase * taps + tap] = value;
      sum += value;
    }
    // Each phase passes a constant unchanged; otherwise phases would differ in level and hum.
    for (let tap = 0; tap < taps; tap++) filters[phase * taps + tap]! /= sum;
  }
  return { taps, filters };
};

const clip = (value: number): number => {
  const rounded = Math.round(value);
  return rounded > 32_767 ? 32_767 : rounded < -32_768 ? -32_768 : rounded;
};

/**
 * A polyphase windowed-sinc converter.
 *
 * @param inputRate one of `wavSampleRates`
 */
export const createResampler = (inputRate: number): Resampler => {
  if (inputRate === outputRate) return passThrough();
  const divisor = greatestCommonDivisor(inputRate, outputRate);
  const phases = outputRate / divisor;
  const step = inputRate / divisor;
  const { taps, filters } = designFilters(inputRate / outputRate, phases);
  const before = taps / 2 - 1;

  /** Input that is still needed; it begins with silence so that the first output is centred on the first sample. */
  let held = new Float32Array(taps * 2);
  let count = before;
  /** Position of the next output in `held`: whole samples to its first tap, and phase. */
  let position = 0;
  let phase = 0;

  const run = (): Int16Array => {
    const out = new Int16Array(Math.max(0, Math.ceil(((count - position) * phases) / step) + 1));
    let made = 0;
    while (position + taps <= count) {
      const filter = phase * taps;
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) sum += filters[filter + tap]! * held[position + tap]!;
      out[made++] = clip(sum);
      phase += step;
      position += Math.floor(phase / phases);
      phase %= phases;
    }
    const drop = Math.min(position, count);
    held.copyWithin(0, drop, count);
    count -= drop;
    position -= drop;
    return out.subarray(0, made);
  };

  const append = (samples: Float32Array, added: number): void => {
    if (count + added > held.length) {
      const larger = new Float32Array(Math.max(held.length * 2, count + added));
      larger.set(held.subarray(0, count));
      held = larger;
    }
    held.set(samples.subarray(0, added), count);
    count += added;
  };

  return {
    push(samples, added) {
      append(samples, added);
      return run();
    },
    flush() {
      append(new Float32Array(taps / 2), taps / 2);
      return run();
    },
  };
};

const passThrough = (): Resampler => ({
  push(samples, count) {
    const out = new Int16Array(count);
    for (let i = 0; i < count; i++) out[i] = clip(samples[i]!);
    return out;
  },
  flush: () => new Int16Array(0),
});
