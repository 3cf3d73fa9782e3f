import { describe, expect, it } from 'vitest';
import { FrameError, FrameReader, frame, maxFrameBytes } from './frames.js';

const read = (reader: FrameReader, ...chunks: (Buffer | string)[]): string[] => {
  const payloads: string[] = [];
  for (const chunk of chunks) reader.push(Buffer.from(chunk), (payload) => payloads.push(payload.toString()));
  return payloads;
};

describe('frames of the admin connection', () => {
  it('come out whole however the stream is cut', () => {
    const bytes = Buffer.concat([frame('a|ping'), frame('b|sip||', Buffer.from('ÄÖ#12#')), frame('c|x')]);
    const expected = ['a|ping', 'b|sip||\r\nÄÖ#12#', 'c|x'];
    for (let size = 1; size <= bytes.length; size++) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      expect(read(new FrameReader(), ...pieces)).toEqual(expected);
    }
  });

  it('count bytes', () => {
    expect(frame('ü|€').toString()).toBe('6#ü|€');
    expect(frame('a|b', Buffer.from('€')).toString()).toBe('8#a|b\r\n€');
  });

  it('of a megabyte byte by byte take linear time', () => {
    const reader = new FrameReader();
    reader.limit = maxFrameBytes;
    const bytes = frame(`a|${'x'.repeat(300_000)}`);
    let whole = 0;
    for (let at = 0; at < bytes.length; at += 1) reader.push(bytes.subarray(at, at + 1), () => whole++);
    expect(whole).toBe(1);
  });

  it('with a wrong or too large length end the stream', () => {
    for (const bad of ['x#y', '0#', '-1#', '4097#', '12345678#', '123456789', '#', ' 5#']) {
      expect(() => read(new FrameReader(), bad), bad).toThrow(FrameError);
    }
  });
});
