import { expect, it } from 'vitest';
import { createAudioFormat } from './audio-format.js';
import { audioKinds } from './config.js';

const rate = 8_000;
const tone = (hz: number, samples: number, sampleRate: number): Int16Array =>
  Int16Array.from({ length: samples }, (_, i) => Math.round(10_000 * Math.sin((2 * Math.PI * hz * i) / sampleRate)));

/** Root of the mean square of what is left of `samples` when the best sine of this frequency is taken away. */
const residue = (samples: Int16Array, hz: number, sampleRate: number): { level: number; rest: number } => {
  let [sin, cos, all] = [0, 0, 0];
  samples.forEach((sample, i) => {
    const angle = (2 * Math.PI * hz * i) / sampleRate;
    sin += sample * Math.sin(angle);
    cos += sample * Math.cos(angle);
    all += sample * sample;
  });
  const level = (2 / samples.length) * Math.hypot(sin, cos);
  return { level, rest: Math.sqrt(Math.max(0, all / samples.length - (level * level) / 2)) };
};

/** Frame by frame, as a call does. */
const frames = (samples: Int16Array, length: number): Int16Array[] =>
  Array.from({ length: samples.length / length }, (_, i) => samples.slice(i * length, (i + 1) * length));
const joined = (parts: readonly Int16Array[]): Int16Array => Int16Array.from(parts.flatMap((part) => [...part]));

it.each(audioKinds)('%s carries speech there and back without distortion', (kind) => {
  for (const hz of [300, 1_000, 3_000]) {
    const [out, back] = [createAudioFormat(kind), createAudioFormat(kind)];
    const bytes = frames(tone(hz, rate, rate), 160).map((frame) => Buffer.from(out.encode(frame)));
    const heard = joined(bytes.map((piece) => back.decode(piece))).slice(800);
    const { level, rest } = residue(heard, hz, rate);
    expect(level).toBeGreaterThan(9_500);
    expect(level).toBeLessThan(10_500);
    // 30 dB below the tone: what µ-law itself costs is 38.
    expect(rest).toBeLessThan(320);
  }
});

it('16 kHz has no image of the voice above 4 kHz', () => {
  const format = createAudioFormat('pcm-16000');
  const bytes = Buffer.concat(frames(tone(1_000, rate, rate), 160).map((frame) => Buffer.from(format.encode(frame))));
  const samples = new Int16Array(bytes.length / 2);
  Buffer.from(samples.buffer).set(bytes);
  expect(residue(samples.slice(1_600), 7_000, 16_000).level).toBeLessThan(100);
  expect(format.durationOf(bytes.length)).toBe(1_000);
});

it('bytes may lie at an odd address', () => {
  const samples = tone(440, 160, rate);
  const bytes = Buffer.concat([Buffer.alloc(1), Buffer.from(samples.buffer)]).subarray(1);
  expect(createAudioFormat('pcm-8000').decode(bytes)).toEqual(samples);
});
