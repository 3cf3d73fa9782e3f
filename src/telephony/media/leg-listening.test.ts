import { expect, test } from 'vitest';
import { frameCodec } from './codecs/frame-codec.js';
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

test('what comes too late to be heard is lost to whoever listens, and told with what was made up for it', () => {
  const quiet = { onDigit: () => {}, onAgentAudio: () => {}, onTrouble: () => {} };
  const pcmu = frameCodec('PCMU');
  if (pcmu === null) throw new Error('there is no PCMU');
  const figures = (wanted: boolean) => {
    const listening = legListening(quiet);
    listening.configure(pcmu);
    const header = newRtpHeader();
    const late: number[] = [];
    const arrive = (sequence: number, now: number): void => {
      const packet = Buffer.alloc(172, 0x55);
      writeRtpHeader(packet, 0, false, sequence, sequence * 160, 1);
      expect(parseRtp(packet, 172, header)).toBe(true);
      listening.audio(packet, header, now, wanted);
    };
    for (let i = 0; i < 200; i += 1) {
      // Every twentieth 300 ms after its time.
      if (i % 20 === 19) late.push(i);
      else arrive(i, i * 20);
      while (late[0] !== undefined && late[0] + 15 <= i) arrive(late.shift() ?? 0, i * 20);
      listening.turn(i * 20 + 5, wanted);
    }
    return listening.quality({
      codec: null,
      packetsSent: 0,
      roundTripMs: 20,
      remoteLoss: null,
      remotePacketsLost: null,
    });
  };
  const heard = figures(true);
  const unheard = figures(false);
  expect(heard.packetsDiscarded).toBeGreaterThan(0);
  expect(heard.concealedMs).toBeGreaterThanOrEqual(heard.packetsDiscarded * 20);
  expect(unheard).toMatchObject({ packetsDiscarded: 0, concealedMs: 0, packetsReceived: heard.packetsReceived });
  expect(heard.mos).toBeLessThan(unheard.mos ?? 0);
});
