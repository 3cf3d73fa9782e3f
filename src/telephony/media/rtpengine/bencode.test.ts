import { describe, expect, it } from 'vitest';
import { type BencodeValue, decodeBencode, encodeBencode } from './bencode.js';

describe('bencoding', () => {
  it.each<[BencodeValue, string]>([
    ['', '0:'],
    ['spam', '4:spam'],
    // Two bytes of UTF-8 each.
    ['é§', '4:é§'],
    [0, 'i0e'],
    [-42, 'i-42e'],
    [[], 'le'],
    [['a', 1, ['b']], 'l1:ai1el1:bee'],
    [{}, 'de'],
    [{ command: 'offer', flags: ['x'], sdp: 'v=0\r\n' }, 'd7:command5:offer5:flagsl1:xe3:sdp5:v=0\r\ne'],
  ])('writes %j as %j', (value, text) => {
    expect(encodeBencode(value)).toBe(text);
  });

  it('refuses to write a number that is not a whole one', () => {
    expect(() => encodeBencode(0.5)).toThrow(RangeError);
    expect(() => encodeBencode(Number.NaN)).toThrow(RangeError);
  });

  it('reads what it writes, dictionaries as maps', () => {
    expect(decodeBencode(Buffer.from('d6:result2:ok5:stats' + 'd3:rtpl' + 'i7ei-1ee4:name4:é§ee'))).toEqual(
      new Map<string, unknown>([
        ['result', 'ok'],
        [
          'stats',
          new Map<string, unknown>([
            ['rtp', [7, -1]],
            ['name', 'é§'],
          ]),
        ],
      ]),
    );
    expect(decodeBencode(Buffer.from('d9:__proto__1:xe'))).toEqual(new Map([['__proto__', 'x']]));
  });

  it.each([
    '',
    'x',
    '5:spam',
    '99999999999999999999:a',
    '-1:a',
    'i1',
    'ie',
    'i1.5e',
    'i99999999999999999e',
    'l1:a',
    'd1:ae',
    'di1e1:ae',
    'd1:a1:b',
    '1:ab',
    'l'.repeat(10_000),
    `${'l'.repeat(40)}${'e'.repeat(40)}`,
    'd',
  ])('does not read %j', (text) => {
    expect(() => decodeBencode(Buffer.from(text))).toThrow(SyntaxError);
  });
});
