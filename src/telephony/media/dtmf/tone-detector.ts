/**
 * Hears telephone keys in audio at 8 kHz: two sines at once, one of four rows and one of four columns (ITU-T Q.23), with
 * the tolerances of Q.24. Speech and music must not sound like keys ("talk-off"), so a key is two tones of the right
 * frequency that hold still, make up nearly all of the sound, have no overtones, and last.
 */
export type ToneDetector = {
  /** Takes the next audio, of any length. */
  samples(input: Int16Array): void;
  /** A press under way is reported; what was heard before means nothing any more. */
  reset(): void;
};

const sampleRate = 8_000;
const rows = [697, 770, 852, 941] as const;
const columns = [1_209, 1_336, 1_477, 1_633] as const;
const keys = '123A456B789C*0#D';

/** 20 ms: tells neighbouring rows, 73 Hz apart, from each other. */
const windowSamples = 160;
/** A look every 5 ms, so that the shortest press, 40 ms, is seen whole several times. */
const hopSamples = 40;
const hopMs = (hopSamples * 1_000) / sampleRate;
/** Looks in a row that make a press: 35 ms of tone; the 23 ms that Q.24 calls none have three at most. */
const confirmingHits = 5;
/** Looks without the tones that end a press: a gap of 23 ms; shorter drop-outs belong to it. */
const endingMisses = 7;
/** A look counts when four fifths of it are tone: with n of them the tone lasted n hops and 12 ms. */
const edgesMs = 12;

/** Amplitude of the weaker tone: -42 dBm0, below which Q.24 wants no key to be heard. */
const leastAmplitude = 180;
/** One tone may be so much stronger than the other (Q.24: 4 dB and 8 dB, by the side), as a ratio of powers. */
const mostTwist = 10 ** 0.9;
/** Of all power in the window, the two tones together. */
const leastShare = 0.8;
/** The next best row or column, as a part of the best one's power. */
const mostRival = 10 ** -0.8;
/**
 * The second harmonic of either tone, as a part of the power of both: voices have overtones, keys have none. Of both, since
 * the harmonics of the rows lie so near the columns that a column is heard in them.
 */
const mostHarmonic = 10 ** -1.2;
/** Q.24: 1.5 % off is a key, 3.5 % off is none. */
const mostDeviation = 0.025;
/** Hz that a tone may wander from the first look of a press on: a key's stands still, a voice's or a whistle's does not. */
const mostDrift = 16;
/** A tone beside the middle of its filter is heard weaker than it is; up to so much, as an amplitude, it is made good. */
const leastResponse = 0.4;

/** A filter for one frequency (Goertzel) with the phase of its result, by which frequencies are told finely. */
type Filter = { readonly hz: number; readonly twiceCos: number; readonly cos: number; readonly sin: number };
const filterOf = (hz: number): Filter => {
  const omega = (2 * Math.PI * hz) / sampleRate;
  return { hz, twiceCos: 2 * Math.cos(omega), cos: Math.cos(omega), sin: Math.sin(omega) };
};
type FourFilters = readonly [Filter, Filter, Filter, Filter];
const filtersOf = ([a, b, c, d]: typeof rows | typeof columns): FourFilters => [
  filterOf(a),
  filterOf(b),
  filterOf(c),
  filterOf(d),
];
const rowFilters = filtersOf(rows);
const columnFilters = filtersOf(columns);
const rowHarmonics = rows.map((hz) => filterOf(2 * hz));
const columnHarmonics = columns.map((hz) => filterOf(2 * hz));

/** A sine of amplitude one has this power at its own filter, and half a window of squares. */
const unitPower = (windowSamples / 2) ** 2;
const unitEnergy = windowSamples / 2;

/** The power of the window at a filter's frequency. */
const powerAt = (window: Float64Array, { twiceCos }: Filter): number => {
  let last = 0;
  let before = 0;
  for (let i = 0; i < windowSamples; i++) {
    const next = window[i]! + twiceCos * last - before;
    before = last;
    last = next;
  }
  return last * last + before * before - twiceCos * last * before;
};

/** The strongest of four tones with its phase, and how strong the next one is. */
type Group = { best: number; power: number; rival: number; re: number; im: number };
const newGroup = (): Group => ({ best: 0, power: 0, rival: 0, re: 0, im: 0 });

/** Takes a filter's last two states in. */
const weigh = (group: Group, index: number, filter: Filter, last: number, before: number): void => {
  const re = last - before * filter.cos;
  const im = before * filter.sin;
  const power = re * re + im * im;
  if (power <= group.power) {
    if (power > group.rival) group.rival = power;
    return;
  }
  group.rival = group.power;
  group.best = index;
  group.power = power;
  group.re = re;
  group.im = im;
};

/** @param onDigit called once for each press, when it has ended, with its length in ms */
export const createToneDetector = (onDigit: (digit: string, durationMs: number) => void): ToneDetector => {
  const window = new Float64Array(windowSamples);
  /** New samples in the window since the last look. */
  let fresh = 0;
  /** Of the window: its squares. */
  let energy = 0;
  const row = newGroup();
  const column = newGroup();
  /** Of the look before: the key it could be, and the phases of its tones. */
  let candidate = -1;
  const phases = new Float64Array(4);
  /** How far off the tones are now, and at the first look of the press, Hz. */
  let rowOff = 0;
  let columnOff = 0;
  let rowOffAtFirst = 0;
  let columnOffAtFirst = 0;

  /** The key under way, or -1; the looks it was seen in, and those it was not seen in since. */
  let key = -1;
  let looks = 0;
  let misses = 0;

  /** The responses of four filters to the window, side by side: one after the other they would wait for themselves. */
  const strongest = (filters: FourFilters, group: Group): void => {
    const [a, b, c, d] = filters;
    const { twiceCos: aCos } = a;
    const { twiceCos: bCos } = b;
    const { twiceCos: cCos } = c;
    const { twiceCos: dCos } = d;
    let [a1, a2, b1, b2, c1, c2, d1, d2] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < windowSamples; i++) {
      const sample = window[i]!;
      const a0 = sample + aCos * a1 - a2;
      const b0 = sample + bCos * b1 - b2;
      const c0 = sample + cCos * c1 - c2;
      const d0 = sample + dCos * d1 - d2;
      a2 = a1;
      a1 = a0;
      b2 = b1;
      b1 = b0;
      c2 = c1;
      c1 = c0;
      d2 = d1;
      d1 = d0;
    }
    group.power = 0;
    group.rival = 0;
    weigh(group, 0, a, a1, a2);
    weigh(group, 1, b, b1, b2);
    weigh(group, 2, c, c1, c2);
    weigh(group, 3, d, d1, d2);
  };

  /** The key whose tones stand out most in this window; -1 when there is nothing of the kind. */
  const look = (): number => {
    energy = 0;
    for (let i = 0; i < windowSamples; i++) energy += window[i]! * window[i]!;
    if (energy < leastAmplitude * leastAmplitude * windowSamples * leastShare) return -1;
    strongest(rowFilters, row);
    if (row.rival > row.power * mostRival) return -1;
    strongest(columnFilters, column);
    return column.rival > column.power * mostRival ? -1 : row.best * 4 + column.best;
  };

  /** By how many Hz a tone is off: its phase has gone further in a hop than that of its nominal frequency, or less far. */
  const deviation = (group: Group, hz: number, re: number, im: number): number => {
    const turned = Math.atan2(group.im * re - group.re * im, group.re * re + group.im * im);
    const difference = turned / (2 * Math.PI) - (hz * hopSamples) / sampleRate;
    return ((difference - Math.round(difference)) * sampleRate) / hopSamples;
  };

  /** The power that a tone has, which is off by that much, when its filter says `power`. */
  const wholePower = (power: number, offHz: number): number => {
    const x = (Math.PI * offHz * windowSamples) / sampleRate;
    const response = x === 0 ? 1 : Math.sin(x) / x;
    return power / Math.max(response, leastResponse) ** 2;
  };

  /** Whether the tones found are a key's, as they have gone on since the look before. */
  const isKey = (): boolean => {
    const rowHz = rows[row.best]!;
    const columnHz = columns[column.best]!;
    rowOff = deviation(row, rowHz, phases[0]!, phases[1]!);
    columnOff = deviation(column, columnHz, phases[2]!, phases[3]!);
    if (Math.abs(rowOff) > rowHz * mostDeviation || Math.abs(columnOff) > columnHz * mostDeviation) return false;
    const low = wholePower(row.power, rowOff);
    const high = wholePower(column.power, columnOff);
    const both = low + high;
    if (Math.min(low, high) < leastAmplitude * leastAmplitude * unitPower) return false;
    if (Math.max(low / high, high / low) > mostTwist) return false;
    if (both / unitPower < (leastShare * energy) / unitEnergy) return false;
    return (
      powerAt(window, rowHarmonics[row.best]!) < both * mostHarmonic &&
      powerAt(window, columnHarmonics[column.best]!) < both * mostHarmonic
    );
  };

  const finish = (): void => {
    if (key >= 0 && looks >= confirmingHits) onDigit(keys[key]!, Math.round(looks * hopMs + edgesMs));
    key = -1;
  };

  const isStill = (): boolean =>
    Math.abs(rowOff - rowOffAtFirst) <= mostDrift && Math.abs(columnOff - columnOffAtFirst) <= mostDrift;

  const step = (heard: number): void => {
    // Once it is a press, its end, where half a window is silence, may look like a drift.
    if (heard >= 0 && heard === key && (looks >= confirmingHits || isStill())) {
      looks += 1 + misses;
      misses = 0;
      return;
    }
    if (heard < 0 && key >= 0 && looks >= confirmingHits && misses + 1 < endingMisses) {
      misses++;
      return;
    }
    // Something else, or the end; what was never confirmed is forgotten at once.
    finish();
    key = heard;
    looks = 1;
    misses = 0;
    rowOffAtFirst = rowOff;
    columnOffAtFirst = columnOff;
  };

  const evaluate = (): void => {
    const possible = look();
    const heard = possible >= 0 && possible === candidate && isKey() ? possible : -1;
    candidate = possible;
    phases[0] = row.re;
    phases[1] = row.im;
    phases[2] = column.re;
    phases[3] = column.im;
    step(heard);
  };

  return {
    samples(input) {
      for (let at = 0; at < input.length; ) {
        const count = Math.min(hopSamples - fresh, input.length - at);
        window.copyWithin(0, count);
        for (let i = 0; i < count; i++) window[windowSamples - count + i] = input[at + i]!;
        at += count;
        fresh += count;
        if (fresh < hopSamples) return;
        fresh = 0;
        evaluate();
      }
    },
    reset() {
      finish();
      window.fill(0);
      fresh = 0;
      candidate = -1;
    },
  };
};
