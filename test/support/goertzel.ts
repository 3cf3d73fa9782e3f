/**
 * Level of one frequency in `samples`, in dB below a sine of full scale (0 = full scale, -100 = nothing there), by the
 * Goertzel algorithm.
 */
export const toneLevel = (samples: Int16Array, hz: number, sampleRate = 8_000): number => {
  if (samples.length === 0) return -100;
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let before = 0;
  let last = 0;
  for (const sample of samples) {
    const next = sample / 32_768 + coefficient * last - before;
    before = last;
    last = next;
  }
  const power = before * before + last * last - coefficient * before * last;
  const amplitude = (2 * Math.sqrt(Math.max(power, 0))) / samples.length;
  return Math.max(-100, 20 * Math.log10(Math.max(amplitude, 1e-5)));
};

/** Level of everything in `samples`, in dB below a sine of full scale. */
export const totalLevel = (samples: Int16Array): number => {
  let sum = 0;
  for (const sample of samples) sum += (sample / 32_768) ** 2;
  return Math.max(-100, 10 * Math.log10(Math.max((2 * sum) / Math.max(samples.length, 1), 1e-10)));
};

/** A sine wave; `level` in dB below full scale. */
export const sine = (hz: number, durationMs: number, level = -10, sampleRate = 8_000): Int16Array => {
  const amplitude = 32_767 * 10 ** (level / 20);
  return Int16Array.from({ length: Math.round((durationMs * sampleRate) / 1000) }, (_, i) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / sampleRate)),
  );
};
