import { describe, expect, it } from 'vitest';
import { decodePcmu, encodePcmu } from '../codecs/g711.js';
import { createToneDetector } from './tone-detector.js';

type Heard = { readonly digit: string; readonly durationMs: number };

const hear = (samples: Int16Array, piece = 160): Heard[] => {
  const heard: Heard[] = [];
  const detector = createToneDetector((digit, durationMs) => heard.push({ digit, durationMs }));
  for (let at = 0; at < samples.length; at += piece) detector.samples(samples.subarray(at, at + piece));
  detector.reset();
  return heard;
};
const digitsIn = (samples: Int16Array): string =>
  hear(samples)
    .map(({ digit }) => digit)
    .join('');

const rows = [697, 770, 852, 941];
const columns = [1_209, 1_336, 1_477, 1_633];
const keys = '123A456B789C*0#D';

const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
};

type Press = {
  readonly ms?: number;
  readonly gapMs?: number;
  /** dBm0 of the row; the column is `twist` dB above it. */
  readonly level?: number;
  readonly twist?: number;
  /** Parts of the nominal frequency by which row and column are off. */
  readonly off?: readonly [number, number];
  /** Signal above noise, dB. */
  readonly snr?: number;
};

/** Amplitude of a sine of that many dBm0: 3.14 dBm0 fills µ-law. */
const amplitude = (dbm0: number): number => 32_124 * 10 ** ((dbm0 - 3.14) / 20);

/** These keys as a telephone line carries them, µ-law and all. */
const pressed = (
  digits: string,
  { ms = 50, gapMs = 50, level = -10, twist = 0, off = [0, 0], snr = 100 }: Press = {},
): Int16Array => {
  const random = seeded(digits.length);
  const samples: number[] = [];
  const low = amplitude(level);
  const high = amplitude(level + twist);
  const noise = Math.sqrt((low * low + high * high) / 2) * 10 ** (-snr / 20) * Math.sqrt(12);
  const put = (tone: number): void => void samples.push(tone + noise * (random() - 0.5));
  for (let i = 0; i < 803; i++) put(0);
  for (const digit of digits) {
    const key = keys.indexOf(digit);
    const row = rows[key >> 2]! * (1 + off[0]);
    const column = columns[key & 3]! * (1 + off[1]);
    for (let i = 0; i < ms * 8; i++) {
      put(low * Math.sin((2 * Math.PI * row * i) / 8_000) + high * Math.sin((2 * Math.PI * column * i) / 8_000 + 1));
    }
    for (let i = 0; i < gapMs * 8; i++) put(0);
  }
  const plain = Int16Array.from(samples, (sample) => Math.max(-32_768, Math.min(32_767, Math.round(sample))));
  const coded = new Uint8Array(plain.length);
  encodePcmu(plain, 0, plain.length, coded, 0);
  decodePcmu(coded, 0, coded.length, plain, 0);
  return plain;
};

const mixed = (...sines: readonly (readonly [hz: number, level: number])[]): Int16Array =>
  Int16Array.from({ length: 8_000 }, (_, i) =>
    sines.reduce((sum, [hz, level]) => sum + amplitude(level) * Math.sin((2 * Math.PI * hz * i) / 8_000), 0),
  );

describe('keys heard in audio', () => {
  it.each<[string, Press]>([
    ['of 40 ms with gaps of 40 ms', { ms: 40, gapMs: 40 }],
    ['long and loud', { ms: 200, level: -3 }],
    ['faint', { level: -35 }],
    ['with the row 8 dB stronger', { twist: -8 }],
    ['with the column 8 dB stronger', { twist: 8, level: -15 }],
    ['1.5 % high', { off: [0.015, 0.015] }],
    ['1.5 % low and high', { off: [-0.015, 0.015] }],
    ['in noise 15 dB below', { snr: 15 }],
    ['of 40 ms in noise 12 dB below, twisted and off', { ms: 40, snr: 12, twist: -4, off: [0.01, -0.01] }],
  ])('%s: all sixteen, once each', (_, press) => {
    expect(digitsIn(pressed(keys, press))).toBe(keys);
  });

  it('tells how long each was pressed, to a few milliseconds, however the audio is cut', () => {
    for (const piece of [160, 80, 37, 4_000]) {
      for (const ms of [40, 65, 100, 500]) {
        const [press, ...others] = hear(pressed('7', { ms }), piece);
        expect(others).toEqual([]);
        expect(Math.abs(press!.durationMs - ms)).toBeLessThanOrEqual(8);
      }
    }
  });

  it('knows the same key twice from one with a drop-out of 10 ms', () => {
    expect(digitsIn(pressed('55', { gapMs: 40 }))).toBe('55');
    expect(digitsIn(pressed('55', { gapMs: 10 }))).toBe('5');
  });

  it.each<[string, Press]>([
    ['of 20 ms', { ms: 20 }],
    ['too faint', { level: -48 }],
    ['with the row 14 dB stronger', { twist: -14 }],
    ['with the column 14 dB stronger', { twist: 14, level: -20 }],
    ['3.5 % high', { off: [0.035, 0.035], ms: 200 }],
    ['with one tone 3.5 % low', { off: [0, -0.035], ms: 200 }],
    ['buried in noise', { snr: 0, ms: 200 }],
  ])('%s: none', (_, press) => {
    expect(digitsIn(pressed(keys, press))).toBe('');
  });
});

describe('sounds that are no keys', () => {
  it.each<[string, Int16Array]>([
    ['one tone of a key', mixed([770, -10])],
    ['two rows', mixed([697, -10], [941, -10])],
    ['dial tone', mixed([350, -13], [440, -13])],
    ['busy tone', mixed([480, -15], [620, -15])],
    ['ringback', mixed([440, -15], [480, -15])],
    ['answering tone of a fax', mixed([2_100, -10])],
    ['special information tone', mixed([950, -15], [1_400, -15])],
    ['a key with its overtones', mixed([770, -12], [1_540, -14], [1_336, -12], [2_672, -14])],
    ['a key among other tones', mixed([770, -12], [1_336, -12], [440, -10], [2_000, -12])],
    ['a chord', mixed([262, -12], [330, -12], [392, -12], [523, -14], [784, -16], [1_318, -18])],
  ])('%s', (_, samples) => {
    expect(digitsIn(samples)).toBe('');
  });

  /** A voice: the pulses of a throat at a pitch that never stands still, through three resonances that do not either. */
  const voice = (seed: number, seconds: number): Int16Array => {
    const random = seeded(seed);
    const out = new Float64Array(seconds * 8_000);
    const resonances = [80, 100, 160].map((width) => ({ radius: Math.exp((-Math.PI * width) / 8_000), y1: 0, y2: 0 }));
    const syllable = 1_200;
    const vowel = (): number[] => [250 + random() * 700, 800 + random() * 1_200, 2_000 + random() * 1_200];
    let from = vowel();
    let to = vowel();
    let pitch = 80 + random() * 220;
    let glide = 1;
    let phase = 0;
    let loudness = 1;
    for (let i = 0; i < out.length; i++) {
      const part = (i % syllable) / syllable;
      if (part === 0) {
        glide = ((pitch > 280 ? 0.75 : pitch < 90 ? 1.05 : 0.85) + random() * 0.3) ** (1 / syllable);
        loudness = random() < 0.15 ? 0 : 0.3 + random();
        from = to;
        to = vowel();
      }
      pitch *= glide;
      phase += pitch / 8_000;
      let sample = (random() - 0.5) * 0.02;
      if (phase >= 1) {
        phase -= 1;
        sample += loudness;
      }
      for (const [index, resonance] of resonances.entries()) {
        const { radius, y1, y2 } = resonance;
        const hz = from[index]! * (1 - part) + to[index]! * part;
        const next = sample + 2 * radius * Math.cos((2 * Math.PI * hz) / 8_000) * y1 - radius * radius * y2;
        resonance.y2 = y1;
        resonance.y1 = next;
        sample = next * (1 - radius);
      }
      out[i] = sample;
    }
    const peak = out.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    return Int16Array.from(out, (sample) => (sample / peak) * 20_000);
  };

  it('voices high and low', () => {
    for (let seed = 1; seed <= 4; seed++) expect(digitsIn(voice(seed, 5))).toBe('');
  });

  it('two whistles that slide through all keys', () => {
    const slide = Int16Array.from({ length: 16_000 }, (_, i) => {
      const t = i / 8_000;
      return (
        6_000 * (Math.sin(2 * Math.PI * (500 * t + 500 * t * t)) + Math.sin(2 * Math.PI * (900 * t + 600 * t * t)))
      );
    });
    expect(digitsIn(slide)).toBe('');
  });

  it('noise as loud as it gets', () => {
    const random = seeded(9);
    expect(digitsIn(Int16Array.from({ length: 160_000 }, () => (random() - 0.5) * 60_000))).toBe('');
  });
});
