import { expect, it } from 'vitest';
import { keyTones } from './key-tones.js';
import { createToneDetector } from './tone-detector.js';

it('keys as sound are heard as those keys', () => {
  const heard: string[] = [];
  const detector = createToneDetector((digit) => heard.push(digit));
  const samples = keyTones('1234567890*#abcd w5x5', 160, 100);
  for (let at = 0; at + 160 <= samples.length; at += 160) detector.samples(samples.subarray(at, at + 160));
  expect(heard.join('')).toBe('1234567890*#ABCD55');
  expect(samples.length).toBe((18 * 260 + 500) * 8);
});
