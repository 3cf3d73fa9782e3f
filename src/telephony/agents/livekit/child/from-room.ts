import type { ReadableStreamDefaultReader } from 'node:stream/web';
import { type AudioFrame, AudioStream, type RemoteTrack } from '@livekit/rtc-node';
import { frameSamples } from '../protocol.js';

/** Samples no louder than this are the smallest step of G.711, or less: nothing is lost when they are not sent. */
const inaudible = 8;
/** Frames of one track that wait for the others', so that several are heard at once and none alone is held up. */
const mostWaiting = 2;
/** Tracks that are mixed; further ones are not listened to. */
const mostTracks = 8;

const isSilent = (samples: Int16Array): boolean => {
  for (const sample of samples) if (sample > inaudible || sample < -inaudible) return false;
  return true;
};

const mixed = (frames: readonly Int16Array[]): Int16Array => {
  const sum = new Int16Array(frameSamples);
  for (let i = 0; i < frameSamples; i += 1) {
    let value = 0;
    for (const frame of frames) value += frame[i] ?? 0;
    sum[i] = Math.max(-32_768, Math.min(32_767, value));
  }
  return sum;
};

type HeardTrack = {
  readonly reader: ReadableStreamDefaultReader<AudioFrame>;
  readonly waiting: Int16Array[];
  muted: boolean;
};

/** What is said in the room, as one stream of 20 ms frames; silence is left out. */
export type FromRoom = {
  /** False when there are too many already. */
  add(id: string, track: RemoteTrack): boolean;
  /** What it said last is not to be heard any more. */
  remove(id: string): void;
  mute(id: string, muted: boolean): void;
  close(): void;
};

export const fromRoom = (options: {
  readonly onFrame: (samples: Int16Array) => void;
  /** Whoever spoke has gone or fallen silent: what has been sent and not heard yet is to be forgotten. */
  readonly onCleared: () => void;
  readonly onTrouble: (message: string) => void;
}): FromRoom => {
  const tracks = new Map<string, HeardTrack>();

  /** Sends what all tracks have, or what the fastest has when another one lags. */
  const turn = (): void => {
    for (;;) {
      const all = [...tracks.values()].filter(({ muted }) => !muted);
      const ready = all.filter(({ waiting }) => waiting.length > 0);
      if (ready.length === 0) return;
      if (ready.length < all.length && !ready.some(({ waiting }) => waiting.length >= mostWaiting)) return;
      const frames = ready.map(({ waiting }) => waiting.shift() as Int16Array).filter((frame) => !isSilent(frame));
      const [only] = frames;
      if (only !== undefined) options.onFrame(frames.length === 1 ? only : mixed(frames));
    }
  };

  const listen = async (id: string, track: HeardTrack): Promise<void> => {
    try {
      for (;;) {
        const { done, value } = await track.reader.read();
        if (done || tracks.get(id) !== track) return;
        if (track.muted || value.data.length !== frameSamples) continue;
        track.waiting.push(value.data);
        turn();
      }
    } catch (error) {
      options.onTrouble(`a track of the room can no longer be read: ${String(error)}`);
    }
  };

  const drop = (id: string): boolean => {
    const track = tracks.get(id);
    if (track === undefined) return false;
    tracks.delete(id);
    track.reader.cancel().catch(() => {});
    return true;
  };

  return {
    add(id, track) {
      if (tracks.has(id)) return true;
      if (tracks.size >= mostTracks) return false;
      const stream = new AudioStream(track, { sampleRate: 8_000, numChannels: 1, frameSizeMs: 20 });
      const heard: HeardTrack = { reader: stream.getReader(), waiting: [], muted: false };
      tracks.set(id, heard);
      void listen(id, heard);
      return true;
    },
    remove(id) {
      if (!drop(id)) return;
      if (tracks.size === 0) options.onCleared();
      else turn();
    },
    mute(id, muted) {
      const track = tracks.get(id);
      if (track === undefined || track.muted === muted) return;
      track.muted = muted;
      track.waiting.length = 0;
      if (muted && [...tracks.values()].every((one) => one.muted)) options.onCleared();
    },
    close() {
      for (const id of [...tracks.keys()]) drop(id);
    },
  };
};
