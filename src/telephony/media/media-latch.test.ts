import { describe, expect, test } from 'vitest';
import { addressRanges, type MediaLatch, mediaLatch } from './media-latch.js';

const newLatch = (options: { signalling?: string; ranges?: string[] } = {}): MediaLatch => {
  const latch = mediaLatch({
    signallingAddress: options.signalling ?? null,
    ranges: addressRanges(options.ranges ?? []),
    lossMs: 1_000,
    learnMs: 1_000,
  });
  latch.describe({ address: '10.0.0.5', port: 4_000 });
  return latch;
};

/** A valid packet: what the receiver does with it. */
const packet = (latch: MediaLatch, address: string, port: number, now: number): boolean => {
  const verdict = latch.check(address, port, now);
  if (verdict === 'refused') return false;
  if (verdict === 'candidate') latch.confirm(address, port, now);
  else latch.heard(now);
  return true;
};

describe('the first packet', () => {
  test('from the SDP address and port is taken', () => {
    const latch = newLatch();
    expect(packet(latch, '10.0.0.5', 4_000, 0)).toBe(true);
    expect([latch.address, latch.port]).toEqual(['10.0.0.5', 4_000]);
  });
  test('from another port of the SDP address is taken: NAT changes ports', () => {
    expect(packet(newLatch(), '10.0.0.5', 61_000, 0)).toBe(true);
  });
  test('from the signalling address is taken, whatever private address the SDP says', () => {
    expect(packet(newLatch({ signalling: '198.51.100.7' }), '198.51.100.7', 5_555, 0)).toBe(true);
  });
  test('from the media ranges of the profile is taken', () => {
    expect(packet(newLatch({ ranges: ['203.0.113.0/24'] }), '203.0.113.200', 5_555, 0)).toBe(true);
    expect(packet(newLatch({ ranges: ['2001:db8::/32'] }), '2001:db8::1', 5_555, 0)).toBe(true);
    expect(packet(newLatch({ ranges: ['203.0.113.9'] }), '203.0.113.10', 5_555, 0)).toBe(false);
  });
  test('from a stranger is refused', () => {
    const latch = newLatch({ signalling: '198.51.100.7', ranges: ['203.0.113.0/24'] });
    expect(packet(latch, '192.0.2.1', 4_000, 0)).toBe(false);
    expect(latch.address).toBeNull();
  });
  test('from the signalling address of the answer is taken, once that is known', () => {
    const latch = newLatch();
    expect(packet(latch, '2001:db8::7', 5_555, 0)).toBe(false);
    latch.signalledFrom('[2001:DB8:0:0::7]');
    expect(packet(latch, '2001:db8::7', 5_555, 0)).toBe(true);
  });
  test('of a dual-stack socket is known by its IPv4 address', () => {
    expect(packet(newLatch(), '::ffff:10.0.0.5', 4_000, 0)).toBe(true);
  });
});

describe('once latched', () => {
  test('another source is refused while the known one sends, even from the same address', () => {
    const latch = newLatch({ ranges: ['10.0.0.0/8'] });
    packet(latch, '10.0.0.5', 4_000, 0);
    for (let now = 20; now < 5_000; now += 20) {
      expect(packet(latch, '10.0.0.5', 4_000, now)).toBe(true);
      expect(packet(latch, '10.0.0.5', 4_002, now)).toBe(false);
      expect(packet(latch, '10.9.9.9', 4_000, now)).toBe(false);
    }
    expect(latch.port).toBe(4_000);
  });
  test('an allowed source takes over after the loss of media, a stranger still does not', () => {
    const latch = newLatch();
    packet(latch, '10.0.0.5', 4_000, 0);
    expect(packet(latch, '10.0.0.5', 4_100, 999)).toBe(false);
    expect(packet(latch, '192.0.2.1', 4_000, 1_500)).toBe(false);
    expect(packet(latch, '10.0.0.5', 4_100, 1_500)).toBe(true);
    expect(packet(latch, '10.0.0.5', 4_000, 1_520)).toBe(false);
  });
  test('in the first second the source the SDP names wins over one that only shares a range', () => {
    const latch = newLatch({ ranges: ['203.0.113.0/24'] });
    packet(latch, '203.0.113.66', 9_999, 0);
    expect(packet(latch, '203.0.113.67', 9_999, 100)).toBe(false);
    expect(packet(latch, '10.0.0.5', 4_000, 200)).toBe(true);
    expect(packet(latch, '203.0.113.66', 9_999, 220)).toBe(false);
  });
  test('after the first second it does not', () => {
    const latch = newLatch({ ranges: ['203.0.113.0/24'] });
    packet(latch, '203.0.113.66', 9_999, 0);
    packet(latch, '203.0.113.66', 9_999, 1_000);
    expect(packet(latch, '10.0.0.5', 4_000, 1_001)).toBe(false);
  });
});

describe('a new description', () => {
  test('with the same address keeps the latch', () => {
    const latch = newLatch();
    packet(latch, '10.0.0.5', 61_000, 0);
    latch.describe({ address: '10.0.0.5', port: 4_000 });
    expect(latch.port).toBe(61_000);
  });
  test('with another address starts afresh and refuses the old source', () => {
    const latch = newLatch();
    packet(latch, '10.0.0.5', 4_000, 0);
    latch.describe({ address: '10.0.0.6', port: 4_000 });
    expect(packet(latch, '10.0.0.5', 4_000, 20)).toBe(false);
    expect(packet(latch, '10.0.0.6', 4_000, 20)).toBe(true);
  });
});

test.each(['10.0.0.0/33', 'nonsense', '10.0.0.0/x', '2001:db8::/129', ''])(
  'the range %j is refused by name',
  (range) => {
    expect(() => addressRanges([range])).toThrow(`"${range}"`);
  },
);
