import { expect, it } from 'vitest';
import { plainText } from './custom-data.js';

it.each([
  ['gold', 'gold'],
  ['{"city":"London","lines":["12","St James"],"since":null}', 'city: London; lines: 12, St James; since: none'],
  ['[1,true]', '1, true'],
  ['{ no JSON', '{ no JSON'],
])('shows %s as %s', (value, shown) => expect(plainText(value)).toBe(shown));
