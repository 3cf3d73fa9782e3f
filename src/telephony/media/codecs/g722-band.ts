/**
 * One sub-band of G.722 (ITU-T G.722, sections 3 and 5): an adaptive quantiser's scale and a predictor with two poles and
 * six zeros. Encoder and decoder hold the same state; it adapts to what the other side can see too.
 */
export type Band = {
  /** The predicted next value (`s`). */
  predicted: number;
  /** The quantiser's scale (`det`). */
  scale: number;
  /** Its logarithm (`nb`). */
  logScale: number;
  /** What the zeros predict (`sz`). */
  zeros: number;
  /** Reconstructed signal, newest first (`r`). */
  readonly signal: Int32Array;
  /** Partially reconstructed signal, newest first (`p`). */
  readonly partial: Int32Array;
  readonly poleWeights: Int32Array;
  readonly zeroWeights: Int32Array;
  /** Quantised differences, newest first (`d`). */
  readonly differences: Int32Array;
};

export const newBand = (scale: number): Band => ({
  predicted: 0,
  scale,
  logScale: 0,
  zeros: 0,
  signal: new Int32Array(2),
  partial: new Int32Array(2),
  poleWeights: new Int32Array(2),
  zeroWeights: new Int32Array(6),
  differences: new Int32Array(6),
});

export const saturate = (value: number): number => (value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value);

const clamp = (value: number, low: number, high: number): number => (value < low ? low : value > high ? high : value);

/** 2^(n/32) in 11 bits, n from 0 to 31 (table of block SCALEL). */
const powers = Int32Array.from({ length: 32 }, (_, n) => Math.floor(2_048 * 2 ** (n / 32) + 0.5));

/** Blocks LOGSCL and SCALEL, or LOGSCH and SCALEH. */
export const adaptScale = (band: Band, weight: number, highest: number, shift: number): void => {
  band.logScale = clamp(((band.logScale * 127) >> 7) + weight, 0, highest);
  const power = powers[(band.logScale >> 6) & 31]!;
  const exponent = shift - (band.logScale >> 11);
  band.scale = (exponent < 0 ? power << -exponent : power >> exponent) << 2;
};

/** Blocks 4: takes in a quantised difference, adapts the predictor and makes the next prediction. */
export const predict = (band: Band, difference: number): void => {
  const { signal, partial, poleWeights, zeroWeights, differences } = band;
  const reconstructed = saturate(band.predicted + difference);
  const newPartial = saturate(band.zeros + difference);

  // UPPOL2 and UPPOL1: the poles follow the signs of the partially reconstructed signal.
  const sign = newPartial >> 15;
  const sameAsLast = sign === partial[0]! >> 15;
  const doubled = saturate(poleWeights[0]! << 2);
  const second = Math.min(sameAsLast ? -doubled : doubled, 32_767);
  const step = sign === partial[1]! >> 15 ? 128 : -128;
  const pole2 = clamp(step + (second >> 7) + ((poleWeights[1]! * 32_512) >> 15), -12_288, 12_288);
  const limit = saturate(15_360 - pole2);
  const pole1 = clamp(saturate((sameAsLast ? 192 : -192) + ((poleWeights[0]! * 32_640) >> 15)), -limit, limit);

  // UPZERO: the zeros follow the signs of the differences.
  const gain = difference === 0 ? 0 : 128;
  const differenceSign = difference >> 15;
  for (let i = 0; i < 6; i++) {
    const towards = differences[i]! >> 15 === differenceSign ? gain : -gain;
    zeroWeights[i] = saturate(towards + ((zeroWeights[i]! * 32_640) >> 15));
  }

  // DELAYA
  differences.copyWithin(1, 0, 5);
  differences[0] = difference;
  signal[1] = signal[0]!;
  signal[0] = reconstructed;
  partial[1] = partial[0]!;
  partial[0] = newPartial;
  poleWeights[0] = pole1;
  poleWeights[1] = pole2;

  // FILTEP, FILTEZ and PREDIC
  const poles = saturate(((pole1 * saturate(reconstructed * 2)) >> 15) + ((pole2 * saturate(signal[1]! * 2)) >> 15));
  let zeros = 0;
  for (let i = 5; i >= 0; i--) zeros += (zeroWeights[i]! * saturate(differences[i]! * 2)) >> 15;
  band.zeros = saturate(zeros);
  band.predicted = saturate(poles + band.zeros);
};
