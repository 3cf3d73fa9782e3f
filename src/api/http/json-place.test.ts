import { describe, expect, it } from 'vitest';
import { jsonFaultOffset } from './json-place.js';

describe('the place where JSON stops', () => {
  it.each([
    ['{"a": canary}', 6],
    ['{"a": 1,}', 8],
    ['{"a" 1}', 5],
    ['[1, 2', 5],
    ['[1 2]', 3],
    ['{"a": "x\ny"}', 6],
    ['{"a": 01}', 7],
    ['', 0],
    ['nul', 0],
    ['{} {}', 3],
    ["{'a': 1}", 1],
    ['[[[]', 4],
  ])('of %j is %i', (text, offset) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(jsonFaultOffset(text)).toBe(offset);
  });

  it('is the end for everything that is JSON', () => {
    for (const value of [1, -1.5e-7, 'a"\\\u2028\n', null, true, [], {}, [[], {}, [{ a: [1, { b: null }] }]]]) {
      for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
        expect(jsonFaultOffset(text)).toBe(text.length);
      }
    }
  });

  it('gets through deep and long input without a stack', () => {
    expect(jsonFaultOffset('['.repeat(500_000))).toBe(500_000);
    expect(jsonFaultOffset(`"${'a'.repeat(100_000)}`)).toBe(0);
  });
});
