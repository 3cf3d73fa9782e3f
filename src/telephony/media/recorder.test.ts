import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stereoChannels } from '../../../test/support/media.js';
import { openRecorder, type Recorder } from './recorder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recorder-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const frame = (value: number): Int16Array => new Int16Array(160).fill(value);

/** What a recording has in each frame of 20 ms: the value of its samples, left and right. */
const recorded = async (act: (recorder: Recorder) => void): Promise<(readonly [number, number])[]> => {
  const path = join(folder, 'call.wav');
  const troubles: string[] = [];
  const recorder = await openRecorder(path, (message) => troubles.push(message));
  act(recorder);
  await recorder.close();
  expect(troubles).toEqual([]);
  const { left, right } = stereoChannels(await readFile(path));
  expect(left.length % 160).toBe(0);
  return Array.from({ length: left.length / 160 }, (_, i) => {
    const at = i * 160;
    for (const channel of [left, right]) {
      expect(new Set(channel.subarray(at, at + 160)).size).toBe(1);
    }
    return [left[at]!, right[at]!] as const;
  });
};

/** As a clock gives it: a large number with a fraction. */
const start = 123_456_789.0123;

describe('a recording', () => {
  it('puts both sides where they belong in time, whichever comes first', async () => {
    const frames = await recorded((recorder) => {
      for (let i = 0; i < 8; i++) {
        recorder.right(frame(100 + i), start + i * 20);
        recorder.left(frame(1 + i), start + i * 20 + 15);
      }
    });
    expect(frames).toEqual(Array.from({ length: 8 }, (_, i) => [1 + i, 100 + i]));
  });

  it('is as long as the call, whatever was said, skipped or silent', async () => {
    const frames = await recorded((recorder) => {
      recorder.left(frame(1), start);
      recorder.right(frame(2), start + 5);
      // The other side came late by two frames, then the thread was away for a second.
      recorder.left(frame(3), start + 20);
      recorder.left(frame(4), start + 40);
      recorder.right(frame(5), start + 25);
      recorder.right(null, start + 45);
      recorder.left(frame(6), start + 1_040);
    });
    expect(frames.length).toBe(53);
    expect(frames.slice(0, 3)).toEqual([
      [1, 2],
      [3, 5],
      [4, 0],
    ]);
    expect(frames.slice(3, 52).every(([left, right]) => left === 0 && right === 0)).toBe(true);
    expect(frames[52]).toEqual([6, 0]);
  });

  it('is silent in a pause and a moment behind it, and goes on in step', async () => {
    const frames = await recorded((recorder) => {
      for (let i = 0; i < 60; i++) {
        if (i === 20) recorder.pause();
        if (i === 30) recorder.resume();
        recorder.left(frame(i + 1), start + i * 20);
        recorder.right(frame(i + 1), start + i * 20 + 10);
      }
    });
    expect(frames.length).toBe(60);
    for (const [i, sides] of frames.entries()) {
      expect(sides).toEqual(i < 20 || i >= 40 ? [i + 1, i + 1] : [0, 0]);
    }
  });

  it('has nothing of two sides that came in the wrong order by more than it waits', async () => {
    const frames = await recorded((recorder) => {
      for (let i = 0; i < 10; i++) recorder.left(frame(i + 1), start + i * 20);
      recorder.right(frame(99), start);
    });
    expect(frames.map(([left]) => left)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    expect(frames.every(([, right]) => right === 0)).toBe(true);
  });
});
