import { describe, expect, it } from 'vitest';
import { reasonText } from './dialog.js';
import { glareDelay } from './offers.js';
import { parseSipfrag } from './sipfrag.js';

describe('a sipfrag', () => {
  it.each([
    ['SIP/2.0 200 OK', { status: 200, reason: 'OK' }],
    ['SIP/2.0 180\r\n', { status: 180, reason: '' }],
    ['SIP/2.0 603 Decline \r\nContact: <sip:a@b>\r\n', { status: 603, reason: 'Decline' }],
    ['SIP/2.0  100  Trying\n', { status: 100, reason: 'Trying' }],
  ])('%j is read', (body, expected) => {
    expect(parseSipfrag(body)).toEqual(expected);
  });

  it.each([
    '',
    'SIP/2.0',
    'SIP/2.0 99 x',
    'SIP/2.0 700 x',
    'SIP/2.0 2000 x',
    'INVITE sip:a SIP/2.0',
    ' SIP/2.0 200 OK',
    `SIP/2.0 200 ${'x'.repeat(300)}`,
    // A pattern whose parts compete for the spaces would take hours.
    `SIP/2.0 200${' '.repeat(60_000)}${'x '.repeat(200)}`,
  ])('%j is refused', (body) => {
    expect(parseSipfrag(body)).toBeNull();
  });
});

describe('a Reason header', () => {
  it('gives its text, or itself, without control characters', () => {
    expect(reasonText('SIP;cause=200;text="ACK timeout"')).toBe('ACK timeout');
    expect(reasonText('Q.850;cause=16')).toBe('Q.850;cause=16');
    expect(reasonText('SIP;text="a\\"b\u0000c"')).toBe('a"b c');
    expect(reasonText(undefined)).toBeNull();
  });
});

describe('the wait after glare', () => {
  it('is 2.1-4 s for the one who called and 0-2 s for the other, in steps of 10 ms (RFC 3261 section 14.1)', () => {
    for (let count = 0; count < 500; count++) {
      const [ours, theirs] = [glareDelay(true), glareDelay(false)];
      expect(ours).toBeGreaterThanOrEqual(2100);
      expect(ours).toBeLessThanOrEqual(4000);
      expect(theirs).toBeGreaterThanOrEqual(0);
      expect(theirs).toBeLessThanOrEqual(2000);
      expect((ours % 10) + (theirs % 10)).toBe(0);
    }
  });
});
