import { GatewayError } from '../../core/errors.js';
import { frameSamples } from './leg-sender.js';
import { createWavWriter } from './wav/wav-writer.js';

/**
 * A recording with the peer on the left channel and what it is told on the right, at 8 kHz. It runs with the clock: what
 * nobody says, what a late thread has skipped and what lies in a pause is silence of the right length, so that a place in
 * the file is a moment of the call. Moments are the scheduled ones of frames, ms.
 */
export type Recorder = {
  /** A frame of 20 ms; null is silence. */
  left(samples: Int16Array | null, now: number): void;
  right(samples: Int16Array | null, now: number): void;
  /** From now on nothing of either side is written; the file goes on with silence. */
  pause(): void;
  resume(): void;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
};

const frameMs = 20;
/**
 * Frames that one channel may be behind the other: both come once in 20 ms, but on a bridge from two legs whose moments
 * differ.
 */
const maxLag = 3;
const capacity = maxLag + 1;
/**
 * Frames that stay silent after a resume: what the peer said before it may still wait in the jitter buffer, and card data
 * are just what must not be heard.
 */
const settlingFrames = 10;

/** @throws GatewayError internal when the file cannot be made; it must not exist yet. */
export const openRecorder = async (path: string, onTrouble: (message: string) => void): Promise<Recorder> => {
  const writer = await createWavWriter(path, {
    channels: 2,
    sampleRate: 8_000,
    onError: (error) => onTrouble(`The recording ${path} ended early: ${String(error)}.`),
  }).catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new GatewayError('internal', `The recording ${path} cannot be written (${reason}).`, { cause });
  });
  const slots = Array.from({ length: capacity }, () => new Int16Array(2 * frameSamples));
  const silence = new Int16Array(2 * frameSamples);
  /** Moment of frame 0; null before the first. */
  let origin: number | null = null;
  /** The oldest frame that is not written, and the one behind the newest. */
  let base = 0;
  let end = 0;
  /** Frames that the disk was too slow for; they are made good as silence, or all behind them would come too early. */
  let owed = 0;
  let paused = false;
  let settled = 0;

  const slotOf = (frame: number): Int16Array => slots[frame % capacity] as Int16Array;

  const write = (samples: Int16Array): void => {
    while (owed > 0 && writer.write(silence)) owed -= 1;
    if (owed > 0 || !writer.write(samples)) owed += 1;
  };

  const writeUntil = (frame: number): void => {
    for (; base < frame; base += 1) {
      const slot = slotOf(base);
      write(slot);
      slot.fill(0);
    }
  };

  const put = (side: 0 | 1, samples: Int16Array | null, now: number): void => {
    origin ??= now;
    // Moments are multiples of a quarter of a frame, but for the last digits of their fractions.
    const frame = Math.floor((now - origin) / frameMs + 0.01);
    if (frame < base) return;
    if (frame >= end) {
      end = frame + 1;
      writeUntil(end - maxLag);
    }
    if (paused || samples === null || frame < settled) return;
    const slot = slotOf(frame);
    for (let i = 0; i < frameSamples; i += 1) slot[2 * i + side] = samples[i] as number;
  };

  return {
    left: (samples, now) => put(0, samples, now),
    right: (samples, now) => put(1, samples, now),
    pause() {
      paused = true;
    },
    resume() {
      if (!paused) return;
      paused = false;
      settled = end + settlingFrames;
    },
    async close() {
      writeUntil(end);
      await writer.close().catch((error: unknown) => {
        onTrouble(`The recording ${path} could not be finished: ${String(error)}.`);
      });
    },
  };
};
