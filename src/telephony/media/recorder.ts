import { GatewayError } from '../../core/errors.js';
import { frameSamples } from './leg-sender.js';
import { createWavWriter } from './wav/wav-writer.js';

/** A recording with the peer on the left channel and what it is told on the right, at 8 kHz. */
export type Recorder = {
  /** A frame of 20 ms; null is silence. */
  left(samples: Int16Array | null): void;
  right(samples: Int16Array | null): void;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
};

/**
 * Frames by which one channel may be ahead of the other: both come once in 20 ms, but on a bridge from two legs whose
 * moments differ.
 */
const maxLead = 3;
const capacity = 2 * maxLead + 2;

type Channel = { readonly samples: Int16Array; first: number; count: number };
const channel = (): Channel => ({ samples: new Int16Array(capacity * frameSamples), first: 0, count: 0 });

const push = (to: Channel, samples: Int16Array | null): void => {
  const at = ((to.first + to.count) % capacity) * frameSamples;
  if (samples === null) to.samples.fill(0, at, at + frameSamples);
  else to.samples.set(samples, at);
  to.count += 1;
};

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
  const left = channel();
  const right = channel();
  const both = new Int16Array(2 * frameSamples);

  const writePairs = (): void => {
    while (left.count > 0 && right.count > 0) {
      const l = left.first * frameSamples;
      const r = right.first * frameSamples;
      for (let i = 0; i < frameSamples; i += 1) {
        both[2 * i] = left.samples[l + i] as number;
        both[2 * i + 1] = right.samples[r + i] as number;
      }
      for (const side of [left, right]) {
        side.first = (side.first + 1) % capacity;
        side.count -= 1;
      }
      writer.write(both);
    }
  };

  /** Nothing came for the other channel for too long: it was silent. */
  const take = (own: Channel, other: Channel, samples: Int16Array | null): void => {
    push(own, samples);
    if (own.count > maxLead) push(other, null);
    writePairs();
  };

  return {
    left: (samples) => take(left, right, samples),
    right: (samples) => take(right, left, samples),
    async close() {
      while (left.count > right.count) push(right, null);
      while (right.count > left.count) push(left, null);
      writePairs();
      await writer.close().catch((error: unknown) => {
        onTrouble(`The recording ${path} could not be finished: ${String(error)}.`);
      });
    },
  };
};
