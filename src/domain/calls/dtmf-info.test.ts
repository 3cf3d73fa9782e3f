import { describe, expect, it } from 'vitest';
import { formatDtmfInfo, parseDtmfInfo } from './dtmf-info.js';

describe('digits in SIP INFO', () => {
  it.each([
    ['application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n', '5', 160],
    ['application/dtmf-relay; charset=utf-8', 'Signal= *\nDuration= 250', '*', 250],
    ['Application/DTMF-Relay', 'signal=11\r\n', '#', 160],
    ['application/dtmf', 'd', 'D', 160],
    ['application/dtmf', ' 0 ', '0', 160],
    ['application/dtmf-relay', 'Duration=99999\r\nSignal=1', '1', 10_000],
  ])('reads %s %j', (type, body, digit, durationMs) => {
    expect(parseDtmfInfo(type, body)).toEqual({ digit, durationMs });
  });

  it.each([
    ['application/dtmf-relay', 'Duration=100'],
    ['application/dtmf-relay', 'Signal=flash'],
    ['application/dtmf-relay', `Signal=${' '.repeat(600)}1`],
    ['application/dtmf', '99'],
    ['text/plain', 'Signal=1'],
  ])('refuses %s %j', (type, body) => {
    expect(parseDtmfInfo(type, body)).toBeNull();
  });

  it('writes what it reads', () => {
    for (const digit of '0123456789*#ABCD') {
      expect(parseDtmfInfo('application/dtmf-relay', formatDtmfInfo(digit, 200))).toEqual({ digit, durationMs: 200 });
    }
  });
});
