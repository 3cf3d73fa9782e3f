/** Notices audio at another rate than agreed on: a bot that streams live sends as much audio as time goes by. */
export type Cadence = {
  /** A piece of `audioMs` came at `now` (monotonic, ms). Returns how much faster than real time, once, when it looks wrong. */
  piece(now: number, audioMs: number): number | null;
};

/** A pause this long begins a new run, ms. */
const pause = 250;
/** A run is judged after this long, ms. */
const long = 4_000;
/** The ratios that kinds of audio taken for one another give: 8 or 16 kHz, one or two bytes a sample. */
const telltale = [0.25, 0.5, 2, 4];
const tolerance = 0.05;

/**
 * Judges runs of pieces without a pause. Speech made ahead of time comes in bursts of any ratio, so only a steady run whose
 * ratio is one that a mistaken format gives is taken for a mistake, and it is said once.
 */
export const createCadence = (): Cadence => {
  let begin = 0;
  let last = Number.NEGATIVE_INFINITY;
  let audio = 0;
  let said = false;
  return {
    piece(now, audioMs) {
      if (said) return null;
      if (now - last > pause) {
        begin = now;
        audio = 0;
      }
      last = now;
      const elapsed = now - begin;
      // The piece that begins the interval is not counted, the one that ends it is.
      if (elapsed > 0) audio += audioMs;
      if (elapsed < long) return null;
      const ratio = audio / elapsed;
      begin = now;
      audio = 0;
      if (!telltale.some((wrong) => Math.abs(ratio - wrong) <= wrong * tolerance)) return null;
      said = true;
      return ratio;
    },
  };
};
