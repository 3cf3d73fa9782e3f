import { describe, expect, it } from 'vitest';
import { canonicalAddress, mostSpecific, parseIpRange } from './ip-range.js';

const ranges = (...texts: readonly string[]) => texts.map((text) => parseIpRange(text)!);

describe('an address range', () => {
  it.each([
    ['192.0.2.1', 32],
    ['192.0.2.0/24', 24],
    ['0.0.0.0/0', 0],
    ['::1', 128],
    ['2001:db8::/32', 32],
    ['[2001:db8::1]', 128],
    ['::ffff:192.0.2.1', 32],
  ])('%s is read with its length', (text, length) => {
    expect(parseIpRange(text)?.length).toBe(length);
  });

  it.each([
    '',
    '192.0.2',
    '192.0.2.1/33',
    '192.0.2.1/24',
    '192.0.2.0/',
    '192.0.2.0/a',
    'example.com',
    '1.2.3.4/8/8',
    '2001:db8::1/32',
  ])('%s is refused', (text) => {
    expect(parseIpRange(text)).toBeNull();
  });

  it('with the longest prefix wins, whatever the order', () => {
    for (const list of [
      ranges('10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'),
      ranges('10.1.2.3', '10.1.0.0/16', '10.0.0.0/8'),
    ]) {
      expect(mostSpecific(list, '10.1.2.3')?.text).toBe('10.1.2.3');
      expect(mostSpecific(list, '10.1.9.9')?.text).toBe('10.1.0.0/16');
      expect(mostSpecific(list, '10.9.9.9')?.text).toBe('10.0.0.0/8');
      expect(mostSpecific(list, '11.0.0.1')).toBeNull();
    }
  });

  it('of IPv4 holds the same address written as IPv4-mapped IPv6, and no other IPv6', () => {
    expect(mostSpecific(ranges('127.0.0.1'), '::ffff:127.0.0.1')?.text).toBe('127.0.0.1');
    expect(mostSpecific(ranges('0.0.0.0/0'), '::1')).toBeNull();
    expect(mostSpecific(ranges('::1'), '0:0:0:0:0:0:0:1')?.text).toBe('::1');
  });

  it('says nothing of what is no address', () => {
    expect(mostSpecific(ranges('0.0.0.0/0', '::/0'), 'nonsense')).toBeNull();
    expect(canonicalAddress('nonsense')).toBeNull();
    expect(canonicalAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(canonicalAddress('2001:DB8::1')).toBe(canonicalAddress('2001:db8:0::1'));
  });
});
