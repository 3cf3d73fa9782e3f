import type { Writable } from 'node:stream';

/**
 * The audio channel between the gateway and a child: a stream of frames, each with a header of eight octets (the leg's
 * number, octets of samples; both 32-bit, little-endian) and 16-bit samples in the machine's own order. A frame without
 * samples says that what came before is to be forgotten. Both ends are processes of one machine.
 */
const headerOctets = 8;
/** Larger than any frame that is sent: a header that says more is not one. */
const longestFrame = 64 * 1_024;

export type AudioWriter = {
  /** Sends samples, or with an empty array what makes the other end forget; dropped when the other end does not read. */
  write(leg: number, samples: Int16Array): void;
  /** Frames that were not sent since the other end was behind. */
  dropped(): number;
};

/**
 * Frames written in one turn of the event loop go out together. `limit`: octets that may wait for a reader; beyond it
 * frames are dropped, since late audio is worth less than none.
 */
export const audioWriter = (stream: Writable, limit: number): AudioWriter => {
  let waiting: Buffer[] = [];
  let dropped = 0;
  const flush = (): void => {
    const frames = waiting;
    waiting = [];
    if (!stream.writable) return;
    stream.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames));
  };
  return {
    write(leg, samples) {
      if (stream.writableLength > limit) {
        dropped += 1;
        return;
      }
      const frame = Buffer.allocUnsafe(headerOctets + samples.byteLength);
      frame.writeUInt32LE(leg, 0);
      frame.writeUInt32LE(samples.byteLength, 4);
      frame.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), headerOctets);
      if (waiting.push(frame) === 1) setImmediate(flush);
    },
    dropped: () => dropped,
  };
};

/** Takes the stream apart again. Each frame's samples are a copy of its own. Throws RangeError when it is not ours. */
export const audioReader = (onFrame: (leg: number, samples: Int16Array) => void): ((chunk: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= headerOctets) {
      const length = bytes.readUInt32LE(at + 4);
      if (length > longestFrame || length % 2 !== 0) throw new RangeError('the audio channel carries no audio frames');
      const end = at + headerOctets + length;
      if (bytes.length < end) break;
      const samples = new Int16Array(length / 2);
      new Uint8Array(samples.buffer).set(bytes.subarray(at + headerOctets, end));
      onFrame(bytes.readUInt32LE(at), samples);
      at = end;
    }
    rest = bytes.subarray(at);
  };
};
