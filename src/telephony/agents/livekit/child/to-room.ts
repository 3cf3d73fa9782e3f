import { AudioFrame, AudioSource } from '@livekit/rtc-node';
import { frameSamples } from '../protocol.js';

/** A source without a queue takes exactly 10 ms at a time and adds no delay; with one, whatever waits once waits for ever. */
const pieceSamples = 80;
/** Frames that may wait while LiveKit is busy, 100 ms; then the oldest go. */
const mostWaiting = 5;

/** The caller's voice on its way into the room. */
export type ToRoom = {
  readonly source: AudioSource;
  /** 20 ms of the caller. */
  send(frame: Int16Array): void;
  close(): void;
};

export const toRoom = (onTrouble: (message: string) => void): ToRoom => {
  const source = new AudioSource(8_000, 1, 0);
  const waiting: Int16Array[] = [];
  let pumping = false;
  let closed = false;
  let failures = 0;

  const capture = async (frame: Int16Array): Promise<void> => {
    for (let at = 0; at + pieceSamples <= frame.length; at += pieceSamples) {
      // A copy: the library reads the memory behind a view from its beginning.
      await source.captureFrame(new AudioFrame(frame.slice(at, at + pieceSamples), 8_000, 1, pieceSamples));
    }
  };

  const pump = async (): Promise<void> => {
    pumping = true;
    for (let frame = waiting.shift(); frame !== undefined && !closed; frame = waiting.shift()) {
      try {
        await capture(frame);
      } catch (error) {
        failures += 1;
        // A lost frame is 20 ms; a source that has failed says so every 20 ms.
        if (failures === 1 || failures % 500 === 0) onTrouble(`a frame of the caller was not taken: ${String(error)}`);
      }
    }
    pumping = false;
  };

  return {
    source,
    send(frame) {
      if (closed || frame.length !== frameSamples) return;
      if (waiting.push(frame) > mostWaiting) waiting.shift();
      if (!pumping) void pump();
    },
    close() {
      if (closed) return;
      closed = true;
      waiting.length = 0;
      source.close().catch(() => {});
    },
  };
};
