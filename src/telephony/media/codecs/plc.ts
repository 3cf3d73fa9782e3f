/**
 * Packet loss concealment for 8 kHz audio in the manner of ITU-T G.711 Appendix I: what is missing is filled with the
 * last pitch period, repeated and faded to silence within 60 ms, and joined softly at both ends. Without the
 * appendix's delay of 3.75 ms: the beginning is smoothed with the mirrored past instead of holding back the present.
 */
export type Concealment = {
  /** Shows the audio that plays, in order; after a gap its beginning is blended with the filling, in place. */
  received(samples: Int16Array, start: number, end: number): void;
  /** Fills `out[start..end)` with a continuation of what was played. */
  conceal(out: Int16Array, start: number, end: number): void;
  /** Forgets the past: another stream begins. */
  reset(): void;
};

const shortestPitch = 40; // 200 Hz
const longestPitch = 120; // 66 Hz
const correlated = 160;
const historyLength = 400;
/** Full level for 10 ms, then down by a fifth each 10 ms, as the appendix has it. */
const holdSamples = 80;
const fadePerSample = 1 / 400;
const longestBlend = 80;

/** The lag within 5 to 15 ms at which the end of `history` resembles itself best. */
export const findPitch = (history: Int16Array): number => {
  const end = history.length;
  let best = shortestPitch;
  let bestScore = -1;
  for (let lag = shortestPitch; lag <= longestPitch; lag++) {
    let product = 0;
    let energy = 1;
    // Every second sample: pitch lies below 400 Hz, and this halves the cost of a loss.
    for (let i = end - correlated; i < end; i += 2) {
      const past = history[i - lag]!;
      product += history[i]! * past;
      energy += past * past;
    }
    const score = product > 0 ? (product * product) / energy : 0;
    if (score > bestScore) {
      bestScore = score;
      best = lag;
    }
  }
  return best;
};

const clip = (value: number): number => (value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : Math.round(value));

export const createConcealment = (): Concealment => {
  const history = new Int16Array(historyLength);
  const period = new Float32Array(longestPitch);
  let pitch = 0;
  let phase = 0;
  /** Samples concealed since the last good one. */
  let missing = 0;
  let heard = false;

  const remember = (samples: Int16Array, start: number, end: number): void => {
    const count = end - start;
    if (count >= historyLength) {
      history.set(samples.subarray(end - historyLength, end));
      return;
    }
    history.copyWithin(0, count);
    history.set(samples.subarray(start, end), historyLength - count);
  };

  /** One pitch period whose end runs into its beginning, so that repeating it makes no steps. */
  const begin = (): void => {
    pitch = findPitch(history);
    phase = 0;
    const blend = pitch >> 2;
    const from = historyLength - pitch;
    for (let i = 0; i < pitch; i++) {
      const sample = history[from + i]!;
      const into = i - (pitch - blend);
      const weight = into < 0 ? 0 : (into + 1) / (blend + 1);
      period[i] = sample * (1 - weight) + history[from - pitch + i]! * weight;
    }
  };

  const level = (): number => Math.max(0, 1 - Math.max(0, missing - holdSamples) * fadePerSample);

  const next = (): number => {
    const sample = period[phase]! * level();
    phase = phase + 1 === pitch ? 0 : phase + 1;
    missing++;
    return sample;
  };

  return {
    received(samples, start, end) {
      heard = true;
      if (missing > 0 && level() === 0) {
        // Out of silence a voice comes as it is; fading it in would take off its first consonant.
        missing = 0;
      } else if (missing > 0) {
        // The longer the gap, the longer the way back; never longer than 10 ms.
        const blend = Math.min(end - start, longestBlend, (pitch >> 2) + (missing >> 2));
        for (let i = 0; i < blend; i++) {
          const weight = (i + 1) / (blend + 1);
          samples[start + i] = clip(next() * (1 - weight) + samples[start + i]! * weight);
        }
        missing = 0;
      }
      remember(samples, start, end);
    },
    conceal(out, start, end) {
      if (heard && missing === 0) begin();
      const first = missing;
      if (!heard || level() === 0) {
        out.fill(0, start, end);
        return;
      }
      const blend = pitch >> 2;
      for (let i = start; i < end; i++) {
        const at = missing;
        let sample = next();
        if (first === 0 && at < blend) {
          const weight = (at + 1) / (blend + 1);
          sample = history[historyLength - 1 - at]! * (1 - weight) + sample * weight;
        }
        out[i] = clip(sample);
      }
    },
    reset() {
      history.fill(0);
      missing = 0;
      heard = false;
    },
  };
};
