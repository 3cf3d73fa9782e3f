import { decodePcma, decodePcmu } from '../codecs/g711.js';
import type { Resampler } from './resampler.js';
import { createResampler } from './resampler.js';
import type { WavFormat } from './wav-header.js';
import { audioInvalid, parseFormatChunk } from './wav-header.js';

/** Turns the bytes of a WAV file, as they come, into mono samples at 8 kHz. */
export type WavDecoder = {
  /** @throws GatewayError audio_invalid */
  push(bytes: Uint8Array): void;
  /** All samples, when the file has ended. A file that ends early gives what it has. Throws like `push`. */
  finish(): Int16Array;
};

export type WavLimits = {
  /** Longest audio that is accepted, ms. */
  readonly maxDurationMs?: number;
};

const defaultMaxDurationMs = 600_000;
const outputRate = 8_000;
const riffHeaderLength = 12;
const chunkHeaderLength = 8;
const longestFormatChunk = 128;
/** Notes and pictures before the audio; more would be reading for nothing. */
const longestSkip = 16 * 1024 * 1024;

type Part = 'riff' | 'chunk' | 'format' | 'skip' | 'data' | 'end';

export const createWavDecoder = ({ maxDurationMs = defaultMaxDurationMs }: WavLimits = {}): WavDecoder => {
  const maxSamples = Math.floor((maxDurationMs * outputRate) / 1000);
  let part: Part = 'riff';
  /** Bytes of an incomplete header or sample. */
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes the present chunk still has; Infinity when its writer never knew. */
  let remaining = 0;
  let padded = false;
  let skipped = 0;
  let format: WavFormat | null = null;
  let resampler: Resampler | null = null;
  let mono = new Float32Array(4_096);
  let samples = new Int16Array(outputRate);
  let count = 0;

  const keep = (made: Int16Array): void => {
    if (count + made.length > maxSamples) {
      throw audioInvalid(`The WAV file is longer than ${Math.round(maxDurationMs / 1000)} seconds.`);
    }
    if (count + made.length > samples.length) {
      const larger = new Int16Array(Math.min(maxSamples, Math.max(samples.length * 2, count + made.length)));
      larger.set(samples.subarray(0, count));
      samples = larger;
    }
    samples.set(made, count);
    count += made.length;
  };

  const chunkHeader = (header: Buffer): void => {
    const id = header.toString('latin1', 0, 4);
    const size = header.readUInt32LE(4);
    padded = size % 2 === 1;
    remaining = size;
    if (id === 'fmt ') {
      if (format !== null) throw audioInvalid('The WAV file has two format chunks.');
      if (size > longestFormatChunk) throw audioInvalid(`The format chunk of the WAV file is ${size} bytes long.`);
      part = 'format';
    } else if (id === 'data') {
      if (format === null) throw audioInvalid('The WAV file has its samples before their format.');
      // Programs that write to a pipe cannot come back to fill in the length.
      if (size === 0 || size >= 0x7fff_ff00) remaining = Number.POSITIVE_INFINITY;
      part = 'data';
    } else {
      part = 'skip';
      skipped += size + chunkHeaderLength;
      if (skipped > longestSkip) throw audioInvalid('The WAV file has over 16 MB of other chunks before its samples.');
    }
  };

  const decodeFrames = (bytes: Buffer, frames: number): void => {
    if (mono.length < frames) mono = new Float32Array(frames);
    mixToMono(bytes, frames, format!, mono);
    keep(resampler!.push(mono, frames));
  };

  /** Takes what it can from the beginning of `bytes` and returns how much that was; 0 = more is needed. */
  const take = (bytes: Buffer): number => {
    switch (part) {
      case 'riff':
        if (bytes.length < riffHeaderLength) return 0;
        if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
          throw audioInvalid('The file is not a WAV file: it does not begin with RIFF and WAVE.');
        }
        part = 'chunk';
        return riffHeaderLength;
      case 'chunk':
        if (bytes.length < chunkHeaderLength) return 0;
        chunkHeader(bytes);
        return chunkHeaderLength;
      case 'format': {
        const length = remaining + (padded ? 1 : 0);
        if (bytes.length < length) return 0;
        format = parseFormatChunk(bytes.subarray(0, remaining));
        resampler = createResampler(format.sampleRate);
        part = 'chunk';
        return length;
      }
      case 'skip': {
        const left = remaining + (padded ? 1 : 0);
        const length = Math.min(bytes.length, left);
        padded = padded && length < left;
        remaining = left - length - (padded ? 1 : 0);
        if (length === left) part = 'chunk';
        return length;
      }
      case 'data': {
        const { bytesPerFrame } = format!;
        const frames = Math.floor(Math.min(bytes.length, remaining) / bytesPerFrame);
        if (frames > 0) decodeFrames(bytes, frames);
        remaining -= frames * bytesPerFrame;
        if (remaining < bytesPerFrame) part = 'end';
        return frames * bytesPerFrame;
      }
      case 'end':
        return bytes.length;
    }
  };

  return {
    push(bytes) {
      let input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      if (rest.length > 0) input = Buffer.concat([rest, input]);
      let at = 0;
      while (at < input.length) {
        const before = part;
        const taken = take(input.subarray(at));
        at += taken;
        if (taken === 0 && part === before) break;
      }
      rest = Buffer.from(input.subarray(at));
    },
    finish() {
      if (format === null) throw audioInvalid('The WAV file ends before its format.');
      if (part !== 'data' && part !== 'end') throw audioInvalid('The WAV file has no samples.');
      keep(resampler!.flush());
      return samples.slice(0, count);
    },
  };
};

/** The mean of the channels, in the range of 16-bit samples. */
const mixToMono = (bytes: Buffer, frames: number, format: WavFormat, out: Float32Array): void => {
  const { channels, encoding } = format;
  const total = frames * channels;
  const read = readers[encoding](bytes, total);
  if (channels === 1) {
    for (let i = 0; i < frames; i++) out[i] = read(i);
    return;
  }
  for (let i = 0, at = 0; i < frames; i++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at++) sum += read(at);
    out[i] = sum / channels;
  }
};

type SampleReader = (bytes: Buffer, total: number) => (index: number) => number;

const byTable =
  (decode: typeof decodePcmu): SampleReader =>
  (bytes, total) => {
    const decoded = new Int16Array(total);
    decode(bytes, 0, total, decoded, 0);
    return (index) => decoded[index]!;
  };

const readers: Readonly<Record<WavFormat['encoding'], SampleReader>> = {
  pcm8: (bytes) => (index) => (bytes[index]! - 128) * 256,
  pcm16: (bytes) => (index) => bytes.readInt16LE(index * 2),
  pcm24: (bytes) => (index) => bytes.readIntLE(index * 3, 3) / 256,
  float32: (bytes) => (index) => {
    const value = bytes.readFloatLE(index * 4);
    return Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) * 32_767 : 0;
  },
  pcmu: byTable(decodePcmu),
  pcma: byTable(decodePcma),
};
