import { expect, test } from 'vitest';
import { mediaTimeouts } from './media-timeouts.js';

/** Of a peer that has been in the call since 0. */
const inCall = (...times: Parameters<typeof mediaTimeouts>) => {
  const timeouts = mediaTimeouts(...times);
  timeouts.begin(0);
  return timeouts;
};

test('no first packet is told once, after its time', () => {
  const timeouts = inCall(30_000, 60_000);
  timeouts.expect(true, 0);
  expect(timeouts.check(29_999)).toBeNull();
  expect(timeouts.check(30_000)).toBe('first-packet');
  expect(timeouts.check(90_000)).toBeNull();
});

test('nothing is told before media is expected', () => {
  expect(inCall(1, 1).check(1_000_000)).toBeNull();
});

test('each silence of a peer that had sent is told once', () => {
  const timeouts = inCall(30_000, 60_000);
  timeouts.expect(true, 0);
  timeouts.heard(10);
  expect(timeouts.check(60_009)).toBeNull();
  expect(timeouts.check(60_010)).toBe('idle');
  expect(timeouts.check(60_011)).toBeNull();
  timeouts.heard(70_000);
  expect(timeouts.check(130_000)).toBe('idle');
});

test('a hold stops the clock and its end starts it anew', () => {
  const timeouts = inCall(30_000, 60_000);
  timeouts.expect(true, 0);
  timeouts.heard(0);
  timeouts.expect(false, 50_000);
  expect(timeouts.check(500_000)).toBeNull();
  timeouts.expect(true, 500_000);
  expect(timeouts.check(559_999)).toBeNull();
  expect(timeouts.check(560_000)).toBe('idle');
});

test('saying again that media is expected does not start the clock anew', () => {
  const timeouts = inCall(30_000, 60_000);
  timeouts.expect(true, 0);
  timeouts.expect(true, 29_000);
  expect(timeouts.check(30_000)).toBe('first-packet');
});

test('zero switches a timeout off', () => {
  const timeouts = inCall(0, 0);
  timeouts.expect(true, 0);
  expect(timeouts.check(1e9)).toBeNull();
  timeouts.heard(1e9);
  expect(timeouts.check(2e9)).toBeNull();
});

test('a peer that is not in the call yet owes nothing, and its clock starts when it is', () => {
  const timeouts = mediaTimeouts(30_000, 60_000);
  timeouts.expect(true, 0);
  expect(timeouts.check(100_000)).toBeNull();
  timeouts.begin(100_000);
  timeouts.begin(110_000);
  expect(timeouts.check(129_999)).toBeNull();
  expect(timeouts.check(130_000)).toBe('first-packet');

  const early = mediaTimeouts(30_000, 60_000);
  early.expect(true, 0);
  early.heard(10);
  expect(early.check(100_000)).toBeNull();
  early.begin(100_000);
  expect(early.check(159_999)).toBeNull();
  expect(early.check(160_000)).toBe('idle');
});
