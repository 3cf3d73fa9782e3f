import type { ToneName } from '../../../domain/calls/ports.js';
import { countryTones, recommendedTones } from './country-tones.js';

const sampleRate = 8_000;
/**
 * -13 dBm0, between the -10 and -20 that E.180 gives; a sine at the top of 16 bits is +3.14 dBm0 in G.711, so this is
 * 16.1 dB below it. Two frequencies share the power.
 */
const toneLevel = 32_767 * 10 ** (-16.14 / 20);
/** Of the rise and the fall: a tone that is cut hard clicks. */
const edgeSamples = 40;
/** Longest tone by frequency, ms: it is made at once. */
const longestFrequencyMs = 60_000;

type Segment = {
  /** None = silence. */
  readonly frequencies: readonly number[];
  /** Of the amplitude modulation, Hz; 0 = none. */
  readonly modulation: number;
  readonly samples: number;
};

/** Reads a cadence of `country-tones.ts`. Throws an Error on a faulty one: the table is ours. */
export const parseCadence = (cadence: string): Segment[] =>
  cadence.split(',').map((part) => {
    const match = /^(\d+)(?:([+*])(\d+))?\/(\d+)$/.exec(part);
    if (match === null) throw new Error(`"${part}" is not a part of a cadence.`);
    const first = Number(match[1]);
    const second = Number(match[3] ?? 0);
    const frequencies = first === 0 ? [] : match[2] === '+' ? [first, second] : [first];
    return {
      frequencies,
      modulation: match[2] === '*' ? second : 0,
      samples: (Number(match[4]) * sampleRate) / 1000,
    };
  });

/**
 * Adds a sine to `out`. A vector turned on by each sample is ten times faster than a sine for each, and a minute of tone
 * is made in the thread that serves calls.
 */
const addSine = (hz: number, level: number, out: Float64Array): void => {
  const angle = (2 * Math.PI * hz) / sampleRate;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  let x = level;
  let y = 0;
  for (let i = 0; i < out.length; i++) {
    out[i]! += y;
    const turned = x * cos - y * sin;
    y = x * sin + y * cos;
    x = turned;
  }
};

const renderSegment = ({ frequencies, modulation, samples }: Segment, out: Int16Array, at: number): void => {
  if (frequencies.length === 0) return;
  const sum = new Float64Array(samples);
  for (const hz of frequencies) addSine(hz, toneLevel / Math.sqrt(frequencies.length), sum);
  if (modulation > 0) {
    for (let i = 0; i < samples; i++) sum[i]! *= 0.5 - 0.5 * Math.cos((2 * Math.PI * modulation * i) / sampleRate);
  }
  const edge = Math.min(edgeSamples, Math.floor(samples / 2));
  for (let i = 0; i < edge; i++) {
    const weight = 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / edge);
    sum[i]! *= weight;
    sum[samples - 1 - i]! *= weight;
  }
  for (let i = 0; i < samples; i++) out[at + i] = Math.round(sum[i]!);
};

const rendered = new Map<string, Int16Array>();

const renderCadence = (cadence: string): Int16Array => {
  const before = rendered.get(cadence);
  if (before !== undefined) return before;
  const segments = parseCadence(cadence);
  const out = new Int16Array(segments.reduce((sum, { samples }) => sum + samples, 0));
  let at = 0;
  for (const segment of segments) {
    renderSegment(segment, out, at);
    at += segment.samples;
  }
  rendered.set(cadence, out);
  return out;
};

/**
 * One period of a tone at 8 kHz, to be played in a loop. It is made once and shared: do not write into it.
 *
 * @param country ISO 3166 code of two letters; a country that is not in the table gets what E.180 recommends
 */
export const toneSamples = (country: string, tone: ToneName): Int16Array => {
  const tones = countryTones[country.toUpperCase()] ?? recommendedTones;
  return renderCadence(tone === 'silence' ? '0/1000' : tones[tone]);
};

/** Two sines at once for `durationMs`, of one tone's power, with soft edges, from sample `at` of `out` on. */
export const writePair = (low: number, high: number, durationMs: number, out: Int16Array, at: number): void =>
  renderSegment({ frequencies: [low, high], modulation: 0, samples: (durationMs * sampleRate) / 1000 }, out, at);

/** A sine of `hz` (up to 3800) for `durationMs` (up to a minute) at 8 kHz with soft edges. */
export const frequencySamples = (hz: number, durationMs: number): Int16Array => {
  const frequency = Math.min(Math.max(hz, 1), 3_800);
  const samples = Math.round((Math.min(Math.max(durationMs, 0), longestFrequencyMs) * sampleRate) / 1000);
  const out = new Int16Array(samples);
  renderSegment({ frequencies: [frequency], modulation: 0, samples }, out, 0);
  return out;
};
