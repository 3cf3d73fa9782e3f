/**
 * Comfort noise (RFC 3389): a peer that says nothing describes its background instead of sending it. A description holds
 * until the peer speaks again or sends another one.
 */
export type NoiseShape = {
  /** Root mean square of the samples, 0 to 32767. */
  readonly rms: number;
  /** Of the predictor, without the leading 1; empty for white noise. */
  readonly predictor: readonly number[];
  /** Root mean square of the white noise that the predictor makes into noise of `rms`. */
  readonly excitation: number;
};

const fullScale = 32_767;
/** More than any encoder sends; further ones only shape what a telephone does not carry. */
const longestOrder = 12;
/** A reflection coefficient of one is a filter that rings for ever. */
const largestReflection = 0.98;

/** The noise of that level, dB below a square wave of full scale (dBov), coloured by these reflection coefficients. */
export const noiseShape = (level: number, reflections: readonly number[] = []): NoiseShape => {
  const rms = fullScale * 10 ** (-level / 20);
  let predictor: number[] = [];
  let power = 1;
  for (const reflection of reflections.slice(0, longestOrder)) {
    const k = Math.max(-largestReflection, Math.min(largestReflection, reflection));
    const before = predictor;
    predictor = before.map((coefficient, i) => coefficient + k * before[before.length - 1 - i]!);
    predictor.push(k);
    power *= 1 - k * k;
  }
  return { rms, predictor, excitation: rms * Math.sqrt(power) };
};

/** Reads the payload of a packet in `bytes[start..end)` (section 3); null when it says nothing. */
export const readComfortNoise = (bytes: Uint8Array, start: number, end: number): NoiseShape | null => {
  if (end <= start || end > bytes.length) return null;
  const reflections: number[] = [];
  for (let i = start + 1; i < end && reflections.length < longestOrder; i++) {
    reflections.push((258 * (bytes[i]! - 127)) / 32_768);
  }
  return noiseShape(bytes[start]! & 0x7f, reflections);
};

export type NoiseSource = {
  /** Fills `out[start..end)` with noise of that shape; changes of shape join without a step. */
  fill(out: Int16Array, start: number, end: number, shape: NoiseShape): void;
};

const clip = (value: number): number => (value > fullScale ? fullScale : value < -fullScale ? -fullScale : value);

export const createNoiseSource = (seed = 1): NoiseSource => {
  const past = new Float64Array(longestOrder);
  let state = seed | 1;
  return {
    fill(out, start, end, { predictor, excitation }) {
      const order = predictor.length;
      // Even numbers from -1 to 1 have a root mean square of one by the root of three.
      const scale = (excitation * Math.sqrt(3)) / 0x8000_0000;
      for (let i = start; i < end; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        let sample = state * scale;
        for (let tap = 0; tap < order; tap++) sample -= predictor[tap]! * past[tap]!;
        sample = clip(sample);
        if (order > 0) {
          past.copyWithin(1, 0, order - 1);
          past[0] = sample;
        }
        out[i] = Math.round(sample);
      }
    },
  };
};
