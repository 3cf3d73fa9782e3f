import { decodePcmu, encodePcmu } from '../../media/codecs/g711.js';
import { createResampler } from '../../media/wav/resampler.js';
import type { AudioKind } from './config.js';
import { createUpsampler } from './upsampler.js';

/** What the audio of a bot looks like on the wire, and the way from and to the 8 kHz samples of a leg. */
export type AudioFormat = {
  readonly encoding: 'pcm_s16le' | 'mulaw';
  readonly sampleRate: 8_000 | 16_000;
  readonly bytesPerSample: 1 | 2;
  /** The caller's audio as bytes. */
  encode(samples: Int16Array): Buffer;
  /** The bot's audio as samples of 8 kHz. The caller sees to it that the bytes are whole samples. */
  decode(bytes: Buffer): Int16Array;
  /** How long these bytes last, ms. */
  durationOf(bytes: number): number;
};

const pcmBytes = (samples: Int16Array): Buffer => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);

/** Bytes as they come lie at any address, 16-bit samples at even ones only: hence the copy. Both are little-endian. */
const pcmSamples = (bytes: Buffer): Int16Array => {
  const samples = new Int16Array(bytes.length >> 1);
  pcmBytes(samples).set(bytes.subarray(0, samples.byteLength));
  return samples;
};

/** A format with converters of its own: resampling remembers the audio before, so each call needs one. */
export const createAudioFormat = (kind: AudioKind): AudioFormat => {
  if (kind === 'mulaw-8000') {
    return {
      ...{ encoding: 'mulaw', sampleRate: 8_000, bytesPerSample: 1 },
      encode: (samples) => {
        const bytes = Buffer.allocUnsafe(samples.length);
        encodePcmu(samples, 0, samples.length, bytes, 0);
        return bytes;
      },
      decode: (bytes) => {
        const samples = new Int16Array(bytes.length);
        decodePcmu(bytes, 0, bytes.length, samples, 0);
        return samples;
      },
      durationOf: (bytes) => bytes / 8,
    };
  }
  if (kind === 'pcm-8000') {
    return {
      ...{ encoding: 'pcm_s16le', sampleRate: 8_000, bytesPerSample: 2 },
      encode: pcmBytes,
      decode: pcmSamples,
      durationOf: (bytes) => bytes / 16,
    };
  }
  const up = createUpsampler();
  const down = createResampler(16_000);
  return {
    ...{ encoding: 'pcm_s16le', sampleRate: 16_000, bytesPerSample: 2 },
    encode: (samples) => pcmBytes(up(samples)),
    decode: (bytes) => {
      const samples = pcmSamples(bytes);
      // The resampler's result is its own memory, valid until the next piece.
      return down.push(Float32Array.from(samples), samples.length).slice();
    },
    durationOf: (bytes) => bytes / 32,
  };
};
