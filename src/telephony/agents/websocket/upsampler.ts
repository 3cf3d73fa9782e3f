/** Half the length of the filter, in input samples; its delay is half of that again: 1 ms. */
const reach = 8;
/** Of the Kaiser-like window: cosine to the power of two, enough for speech of 3.4 kHz. */
const taps = Float64Array.from({ length: reach * 2 }, (_, index) => {
  const distance = index - reach + 0.5;
  const sinc = Math.sin(Math.PI * distance) / (Math.PI * distance);
  return sinc * Math.cos((Math.PI * distance) / (2 * reach + 1)) ** 2;
});
const gain = taps.reduce((sum, tap) => sum + tap, 0);

/**
 * Doubles the sample rate (8 to 16 kHz), a piece at a time: every second sample is the input's own, those between are
 * interpolated by a windowed sinc. Adds a delay of 8 input samples (1 ms).
 */
export const createUpsampler = (): ((samples: Int16Array) => Int16Array) => {
  let past = new Int16Array(reach * 2);
  return (samples) => {
    const all = new Int16Array(past.length + samples.length);
    all.set(past);
    all.set(samples, past.length);
    const out = new Int16Array(samples.length * 2);
    for (let i = 0; i < samples.length; i += 1) {
      out[i * 2] = all[i + reach - 1] ?? 0;
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap += 1) sum += (taps[tap] ?? 0) * (all[i + tap] ?? 0);
      out[i * 2 + 1] = Math.max(-32_768, Math.min(32_767, Math.round(sum / gain)));
    }
    past = all.slice(all.length - reach * 2);
    return out;
  };
};
