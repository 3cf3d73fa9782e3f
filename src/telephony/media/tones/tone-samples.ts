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

const renderSegment = (segment: Segment, out: Int16Array, at: number): void => {
  const { frequencies, modulation, samples } = segment;
  const level = toneLevel / Math.sqrt(Math.max(frequencies.length, 1));
  const edge = Math.min(edgeSamples, samples / 2);
  for (let i = 0; i < samples; i++) {
    let value = 0;
    for (const hz of frequencies) value += Math.sin((2 * Math.PI * hz * i) / sampleRate);
    if (modulation > 0) value *= 0.5 - 0.5 * Math.cos((2 * Math.PI * modulation * i) / sampleRate);
    const nearest = Math.min(i, samples - 1 - i);
    if (nearest < edge) value *= 0.5 - 0.5 * Math.cos((Math.PI * (nearest + 0.5)) / edge);
    out[at + i] = Math.round(value * level);
  }
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

/** A sine of `hz` (up to 3800) for `durationMs` (up to a minute) at 8 kHz with soft edges. */
export const frequencySamples = (hz: number, durationMs: number): Int16Array => {
  const frequency = Math.min(Math.max(hz, 1), 3_800);
  const samples = Math.round((Math.min(Math.max(durationMs, 0), longestFrequencyMs) * sampleRate) / 1000);
  const out = new Int16Array(samples);
  renderSegment({ frequencies: [frequency], modulation: 0, samples }, out, 0);
  return out;
};
