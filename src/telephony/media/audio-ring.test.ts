import { expect, test } from 'vitest';
import { audioRing, audioRingMemory } from './audio-ring.js';

const count = (from: number, length: number): Int16Array => Int16Array.from({ length }, (_, i) => (from + i) & 0x7fff);

test('what is written is read, in order, over many rounds of the ring', () => {
  const memory = audioRingMemory(512);
  const writer = audioRing(memory);
  const reader = audioRing(memory);
  const into = new Int16Array(160);
  let written = 0;
  let read = 0;
  for (let round = 0; round < 1_000; round += 1) {
    written += writer.write(count(written, 1 + ((round * 37) % 200)));
    while (reader.readable() >= 160) {
      expect(reader.read(into)).toBe(160);
      expect(into).toEqual(count(read, 160));
      read += 160;
    }
  }
  expect(written - read).toBe(reader.readable());
});

test('a full ring takes what fits', () => {
  const ring = audioRing(audioRingMemory(256));
  expect(ring.write(count(0, 200))).toBe(200);
  expect(ring.writable()).toBe(56);
  expect(ring.write(count(200, 200))).toBe(56);
  expect(ring.write(count(0, 1))).toBe(0);
});

test('counters that wrap past 2^32 do not disturb it', () => {
  const memory = audioRingMemory(256);
  const counters = new Int32Array(memory, 0, 3);
  counters.fill(-100);
  const ring = audioRing(memory);
  const into = new Int16Array(160);
  for (let i = 0; i < 5; i += 1) {
    expect(ring.write(count(i, 160))).toBe(160);
    expect(ring.read(into)).toBe(160);
    expect(into).toEqual(count(i, 160));
  }
});

test('clear forgets what was written before it and nothing written after', () => {
  const memory = audioRingMemory(1_024);
  const writer = audioRing(memory);
  const reader = audioRing(memory);
  const into = new Int16Array(160);
  writer.write(count(0, 500));
  reader.read(into);
  writer.clear();
  writer.write(count(9_000, 160));
  expect(reader.read(into)).toBe(160);
  expect(into).toEqual(count(9_000, 160));
  expect(reader.read(into)).toBe(0);
});

test('clear of an emptied ring does not take audio that comes later', () => {
  const memory = audioRingMemory(1_024);
  const writer = audioRing(memory);
  const reader = audioRing(memory);
  const into = new Int16Array(160);
  writer.write(count(0, 160));
  reader.read(into);
  writer.clear();
  writer.write(count(5, 160));
  writer.write(count(6, 160));
  reader.read(into);
  expect(into).toEqual(count(5, 160));
});

test('the length must be a power of two', () => {
  expect(() => audioRingMemory(1_000)).toThrow(RangeError);
});

test('the writer knows what has neither been read nor cleared', () => {
  const memory = audioRingMemory(512);
  const writer = audioRing(memory);
  const reader = audioRing(memory);
  const into = new Int16Array(100);
  writer.write(count(0, 300));
  reader.read(into);
  expect(writer.unread()).toBe(200);
  writer.clear();
  expect(writer.unread()).toBe(0);
  writer.write(count(0, 50));
  expect(writer.unread()).toBe(50);
  reader.read(into);
  expect(writer.unread()).toBe(0);
  writer.write(count(0, 120));
  expect(writer.unread()).toBe(120);
});
