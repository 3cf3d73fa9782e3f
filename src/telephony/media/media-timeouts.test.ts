import { expect, test } from 'vitest';
import { mediaTimeouts } from './media-timeouts.js';

test('no first packet is told once, after its time', () => {
  const timeouts = mediaTimeouts(30_000, 60_000);
  timeouts.expect(true, 0);
  expect(timeouts.check(29_999)).toBeNull();
  expect(timeouts.check(30_000)).toBe('first-packet');
  expect(timeouts.check(90_000)).toBeNull();
});

test('nothing is told before media is expected', () => {
  expect(mediaTimeouts(1, 1).check(1_000_000)).toBeNull();
});

test('each silence of a peer that had sent is told once', () => {
  const timeouts = mediaTimeouts(30_000, 60_000);
  timeouts.expect(true, 0);
  timeouts.heard(10);
  expect(timeouts.check(60_009)).toBeNull();
  expect(timeouts.check(60_010)).toBe('idle');
  expect(timeouts.check(60_011)).toBeNull();
  timeouts.heard(70_000);
  expect(timeouts.check(130_000)).toBe('idle');
});

test('a hold stops the clock and its end starts it anew', () => {
  const timeouts = mediaTimeouts(30_000, 60_000);
  timeouts.expect(true, 0);
  timeouts.heard(0);
  timeouts.expect(false, 50_000);
  expect(timeouts.check(500_000)).toBeNull();
  timeouts.expect(true, 500_000);
  expect(timeouts.check(559_999)).toBeNull();
  expect(timeouts.check(560_000)).toBe('idle');
});

test('saying again that media is expected does not start the clock anew', () => {
  const timeouts = mediaTimeouts(30_000, 60_000);
  timeouts.expect(true, 0);
  timeouts.expect(true, 29_000);
  expect(timeouts.check(30_000)).toBe('first-packet');
});

test('zero switches a timeout off', () => {
  const timeouts = mediaTimeouts(0, 0);
  timeouts.expect(true, 0);
  expect(timeouts.check(1e9)).toBeNull();
  timeouts.heard(1e9);
  expect(timeouts.check(2e9)).toBeNull();
});
