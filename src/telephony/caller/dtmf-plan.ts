/** One press: which digit, and how many ms after the answer. */
export type Press = { readonly digit: string; readonly afterMs: number };

/**
 * Reads `--dtmf`: presses separated by commas, each `digits` or `digits@seconds` after the answer (`1,0` or `1@2.5,42@6`).
 * Presses without a time follow the one before by `gapMs`, the first one `firstMs` after the answer.
 * Throws RangeError with a sentence.
 */
export const parseDtmf = (text: string, firstMs = 1_500, gapMs = 1_500): readonly Press[] => {
  const presses: Press[] = [];
  let next = firstMs;
  for (const part of text.split(',')) {
    const match = /^\s*([0-9A-Da-d*#]+)(?:@(\d+(?:\.\d+)?))?\s*$/.exec(part);
    if (match === null) throw new RangeError(`--dtmf: "${part}" is not digits (0-9, A-D, *, #), or digits@seconds`);
    if (match[2] !== undefined) next = Number(match[2]) * 1_000;
    for (const digit of (match[1] ?? '').toUpperCase()) {
      presses.push({ digit, afterMs: next });
      next += 400;
    }
    next += gapMs - 400;
  }
  return presses;
};
