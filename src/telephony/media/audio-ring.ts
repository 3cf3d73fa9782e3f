/**
 * Audio between the media worker and the thread of an AI's leg: a ring of 16-bit samples in shared memory with one
 * writer and one reader, so that no message is posted per frame. Counters run modulo 2^32; the ring's length is a
 * power of two, hence they index it without a jump.
 */
export type AudioRing = {
  /** Samples that can be read. */
  readable(): number;
  /** Samples that can be written. */
  writable(): number;
  /** Writes as much as fits and returns how many samples that were. Writer only. */
  write(samples: Int16Array): number;
  /** Fills `into` as far as there is audio and returns the number of samples. Reader only. */
  read(into: Int16Array): number;
  /** Writer only: samples written that are neither read nor cleared. */
  unread(): number;
  /** Writer only: what has been written and not yet read is to be forgotten. */
  clear(): void;
};

const READ = 0;
const WRITE = 1;
const CLEARED = 2;
const headerBytes = 16;

/** Memory for a ring of `samples` samples, a power of two. */
export const audioRingMemory = (samples: number): SharedArrayBuffer => {
  if (samples < 1 || (samples & (samples - 1)) !== 0) throw new RangeError('A ring holds a power of two of samples.');
  return new SharedArrayBuffer(headerBytes + samples * 2);
};

export const audioRing = (memory: SharedArrayBuffer): AudioRing => {
  const counters = new Int32Array(memory, 0, 3);
  const data = new Int16Array(memory, headerBytes);
  const size = data.length;
  const mask = size - 1;
  let clearedSeen = Atomics.load(counters, CLEARED);

  const copyOut = (from: number, into: Int16Array, count: number): void => {
    const start = from & mask;
    const head = Math.min(count, size - start);
    into.set(data.subarray(start, start + head), 0);
    if (head < count) into.set(data.subarray(0, count - head), head);
  };

  return {
    readable: () => (Atomics.load(counters, WRITE) - Atomics.load(counters, READ)) >>> 0,
    writable: () => size - ((Atomics.load(counters, WRITE) - Atomics.load(counters, READ)) >>> 0),
    write(samples) {
      const write = Atomics.load(counters, WRITE);
      const room = size - ((write - Atomics.load(counters, READ)) >>> 0);
      const count = Math.min(room, samples.length);
      const start = write & mask;
      const head = Math.min(count, size - start);
      data.set(samples.subarray(0, head), start);
      if (head < count) data.set(samples.subarray(head, count), 0);
      Atomics.store(counters, WRITE, (write + count) | 0);
      return count;
    },
    read(into) {
      const cleared = Atomics.load(counters, CLEARED);
      let read = Atomics.load(counters, READ);
      if (cleared !== clearedSeen) {
        clearedSeen = cleared;
        // The mark may lie behind what has been read since it was set; then there is nothing left to forget.
        if (((cleared - read) | 0) > 0) read = cleared;
      }
      const count = Math.min((Atomics.load(counters, WRITE) - read) >>> 0, into.length);
      copyOut(read, into, count);
      Atomics.store(counters, READ, (read + count) | 0);
      return count;
    },
    unread() {
      const write = Atomics.load(counters, WRITE);
      const read = (write - Atomics.load(counters, READ)) >>> 0;
      const kept = (write - Atomics.load(counters, CLEARED)) >>> 0;
      // The mark of a clearing that was long ago lies behind the reader.
      return Math.min(read, kept);
    },
    clear() {
      Atomics.store(counters, CLEARED, Atomics.load(counters, WRITE));
    },
  };
};
