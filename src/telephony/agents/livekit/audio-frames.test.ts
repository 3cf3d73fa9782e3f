import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { audioReader, audioWriter } from './audio-frames.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the audio channel', () => {
  it('carries frames of several legs, however the stream is cut', async () => {
    const stream = new PassThrough();
    const writer = audioWriter(stream, 1_000_000);
    for (let i = 0; i < 20; i += 1) writer.write(i, new Int16Array(160).fill(i * 100 - 1_000));
    writer.write(7, new Int16Array(0));
    await turn();
    const bytes = stream.read() as Buffer;
    for (const size of [1, 7, 331, 4_096, bytes.length]) {
      const got: [number, number, number | undefined][] = [];
      const read = audioReader((leg, samples) => got.push([leg, samples.length, samples[159]]));
      for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
      expect(got).toHaveLength(21);
      expect(got[3]).toEqual([3, 160, -700]);
      expect(got[20]).toEqual([7, 0, undefined]);
    }
  });

  it('drops frames for a reader that does not read, and says how many', async () => {
    const stuck = new Writable({ write: () => {} });
    const writer = audioWriter(stuck, 1_000);
    for (let i = 0; i < 10; i += 1) {
      writer.write(1, new Int16Array(160));
      await turn();
    }
    expect(writer.dropped()).toBe(6);
    expect(stuck.writableLength).toBeLessThan(1_400);
  });

  it('refuses what is not its own', () => {
    const read = audioReader(() => {});
    expect(() => read(Buffer.from('{"type":"this is no audio"}'))).toThrow(RangeError);
  });
});
