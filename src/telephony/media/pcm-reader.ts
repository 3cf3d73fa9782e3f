/** Audio at 8 kHz that is read piece by piece. */
export type PcmReader = {
  /** Writes up to `into.length - at` samples from `at` on; returns how many. Less than there was room for: the end. */
  read(into: Int16Array, at: number): number;
  rewind(): void;
};

/** Reads an array that is already in memory. */
export const arrayReader = (samples: Int16Array): PcmReader => {
  let position = 0;
  return {
    read(into, at) {
      const count = Math.min(into.length - at, samples.length - position);
      into.set(samples.subarray(position, position + count), at);
      position += count;
      return count;
    },
    rewind() {
      position = 0;
    },
  };
};
