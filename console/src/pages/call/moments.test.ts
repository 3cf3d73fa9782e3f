import { expect, it } from 'vitest';
import { sinceBeginning } from './moments.js';

it.each([
  [0, '0:00.00'],
  [7_424, '0:07.42'],
  [59_996, '1:00.00'],
  [723_100, '12:03.10'],
  [3_723_000, '1:02:03.00'],
  [-5, '0:00.00'],
])('writes %s ms as %s', (ms, written) => expect(sinceBeginning(ms)).toBe(written));
