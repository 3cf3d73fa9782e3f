import { expect, test } from 'vitest';
import { legListening } from './leg-listening.js';
import { newRtpHeader, parseRtp, writeRtpHeader } from './rtp-packet.js';

test('a key after the peer began its stream anew counts, whatever its timestamp', () => {
  const digits: string[] = [];
  const listening = legListening({
    onDigit: (digit) => digits.push(digit),
    onAgentAudio: () => {},
    onTrouble: () => {},
  });
  const header = newRtpHeader();
  const press = (digit: number, timestamp: number, ssrc: number): void => {
    const packet = Buffer.alloc(16);
    writeRtpHeader(packet, 101, true, timestamp & 0xffff, timestamp, ssrc);
    packet.set([digit, 0x8a, 4, 0], 12);
    expect(parseRtp(packet, 16, header)).toBe(true);
    listening.event(packet, header, 0);
  };
  press(5, 50_000, 1);
  press(6, 49_000, 1);
  press(7, 49_000, 2);
  // The second is a straggler of the same stream.
  expect(digits).toEqual(['5', '7']);
});
