import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { wavHeader, wavHeaderLength } from './wav-header.js';

/** Writes 16-bit PCM to a WAV file without ever making its caller wait. */
export type WavWriter = {
  /**
   * Takes interleaved samples, copying them. False when they were dropped: the disk is more than `maxBacklogMs` behind,
   * the file is full, or writing has failed.
   */
  write(samples: Int16Array): boolean;
  /** Writes what is left and closes; idempotent. Rejects when the file could not be written. */
  close(): Promise<WavWritten>;
};

export type WavWritten = { readonly durationMs: number; readonly droppedMs: number };

export type WavWriterOptions = {
  readonly channels: number;
  readonly sampleRate: number;
  /** Audio between two writes, ms: what a crash may cost. */
  readonly flushMs?: number;
  readonly maxBacklogMs?: number;
  /** Called once when writing fails, for instance on a full disk; the recording ends there. */
  readonly onError?: (error: unknown) => void;
};

/** Lengths in a WAV file have 32 bits, and some readers take them as signed. */
const largestData = 0x7fff_ff00;

/**
 * Opens `path`, which must not exist yet, and writes a header. The header is renewed after each piece of audio, so that a
 * file whose writer was killed is a valid one up to its last piece.
 */
export const createWavWriter = async (
  path: string,
  { channels, sampleRate, flushMs = 1_000, maxBacklogMs = 30_000, onError }: WavWriterOptions,
): Promise<WavWriter> => {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(wavHeader(channels, sampleRate, 0), 0, wavHeaderLength, 0);
  } catch (error) {
    await file.close();
    throw error;
  }
  const samplesPerMs = (sampleRate * channels) / 1000;
  const pieceSamples = Math.max(channels, Math.round((flushMs * samplesPerMs) / channels) * channels);
  const mostWaiting = Math.ceil(maxBacklogMs / flushMs);

  let piece = new Int16Array(pieceSamples);
  let filled = 0;
  const waiting: Int16Array<ArrayBuffer>[] = [];
  const spare: Int16Array<ArrayBuffer>[] = [];
  let dataBytes = 0;
  let accepted = 0;
  let dropped = 0;
  let failure: unknown = null;
  let working: Promise<void> | null = null;
  let closing: Promise<WavWritten> | null = null;

  const drain = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (failure === null) await append(next);
      if (next.length === pieceSamples && spare.length < 2) spare.push(next);
    }
    working = null;
  };

  const append = async (samples: Int16Array<ArrayBuffer>): Promise<void> => {
    try {
      await writeAll(
        file,
        Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength),
        wavHeaderLength + dataBytes,
      );
      dataBytes += samples.byteLength;
      // Audio first, then the length that speaks of it.
      await writeAll(file, wavHeader(channels, sampleRate, dataBytes), 0);
    } catch (error) {
      failure = error;
      onError?.(error);
    }
  };

  const enqueue = (samples: Int16Array<ArrayBuffer>): void => {
    waiting.push(samples);
    working ??= drain();
  };

  const finish = async (): Promise<WavWritten> => {
    if (filled > 0) enqueue(piece.slice(0, filled));
    filled = 0;
    await working;
    await file.close();
    if (failure !== null) throw failure;
    return { durationMs: dataBytes / 2 / samplesPerMs, droppedMs: dropped / samplesPerMs };
  };

  return {
    write(samples) {
      const full = (accepted + samples.length) * 2 > largestData;
      if (closing !== null || failure !== null || full || waiting.length >= mostWaiting) {
        dropped += samples.length;
        return false;
      }
      accepted += samples.length;
      for (let at = 0; at < samples.length; ) {
        const count = Math.min(samples.length - at, pieceSamples - filled);
        piece.set(samples.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled === pieceSamples) {
          enqueue(piece);
          piece = spare.pop() ?? new Int16Array(pieceSamples);
          filled = 0;
        }
      }
      return true;
    },
    close() {
      closing ??= finish();
      return closing;
    },
  };
};

const writeAll = async (file: FileHandle, bytes: Buffer, position: number): Promise<void> => {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
};
