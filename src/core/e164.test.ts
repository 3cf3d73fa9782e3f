import { describe, expect, it } from 'vitest';
import { isCountry, isE164, toE164 } from './e164.js';

describe('toE164', () => {
  it.each([
    ['+14155550100', null, '+14155550100'],
    ['(415) 555-0100', 'US', '+14155550100'],
    ['14155550100', 'US', '+14155550100'],
    ['0049 30 901820', 'DE', '+4930901820'],
    ['030 901820', 'DE', '+4930901820'],
    [' +44 1632 960001 ', 'US', '+441632960001'],
  ])('reads %s in %s as %s', (text, country, expected) => {
    expect(toE164(text, country)).toBe(expected);
  });

  it.each([
    ['12', 'US'],
    ['+1415555010', 'US'],
    ['4155550100', null],
    ['4155550100', 'XX'],
    ['call 4155550100 now', 'US'],
    ['+14155550100;ext=2', 'US'],
    ['', 'US'],
    ['+1'.padEnd(5_000, '0'), 'US'],
  ])('refuses %s in %s', (text, country) => {
    expect(toE164(text, country)).toBeNull();
  });

  it('knows countries and the E.164 form', () => {
    expect([isCountry('US'), isCountry('us'), isCountry('ZZ')]).toEqual([true, false, false]);
    expect([isE164('+14155550100'), isE164('14155550100'), isE164('+0123456789')]).toEqual([true, false, false]);
  });

  it('takes numbers of North America by their form alone, as the library would', () => {
    let seed = 7;
    for (let n = 0; n < 500; n += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      const digits = String(2_000_000_000 + (seed % 8_000_000_000)).padStart(10, '2');
      const text = `+1${digits}`;
      expect(toE164(text)).toBe(text);
      // Spaces keep it from being taken by its form.
      expect(toE164(`+1 ${digits}`)).toBe(text);
    }
    expect(toE164('+1212555012')).toBeNull();
  });
});
