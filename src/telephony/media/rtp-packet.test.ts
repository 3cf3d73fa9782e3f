import { describe, expect, it } from 'vitest';
import {
  isRtcp,
  newRtpHeader,
  parseRtp,
  rtpHeaderLength,
  sequenceDistance,
  timestampDistance,
  writeRtpHeader,
} from './rtp-packet.js';

const parse = (bytes: readonly number[] | Uint8Array, length = bytes.length) => {
  const header = newRtpHeader();
  return parseRtp(Uint8Array.from(bytes), length, header) ? header : null;
};

const fixed = [0x80, 0x08, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe];

describe('RTP packets', () => {
  it('have what was written into them', () => {
    const packet = new Uint8Array(20);
    for (const [payloadType, marker, sequence, timestamp, ssrc] of [
      [0, false, 0, 0, 0],
      [127, true, 65_535, 0xffff_ffff, 0xffff_ffff],
      [101, true, 0x1234, 0x8000_0000, 0x7fff_ffff],
    ] as const) {
      writeRtpHeader(packet, payloadType, marker, sequence, timestamp, ssrc);
      const header = newRtpHeader();
      expect(parseRtp(packet, 20, header)).toBe(true);
      expect(header).toEqual({ payloadType, marker, sequence, timestamp, ssrc, payloadStart: 12, payloadEnd: 20 });
    }
  });

  it('are found behind CSRC list and extension and before padding', () => {
    const csrc = [...fixed, 1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 1, 9, 9, 9, 9, 7, 8, 0, 0, 3];
    csrc[0] = 0x80 | 0x20 | 0x10 | 2;
    expect(parse(csrc)).toMatchObject({ payloadStart: 28, payloadEnd: 30 });
  });

  it('may be empty', () => {
    expect(parse(fixed)).toMatchObject({ payloadStart: 12, payloadEnd: 12 });
    expect(rtpHeaderLength).toBe(12);
  });

  it.each([
    ['too short', fixed.slice(0, 11)],
    ['of version 1', [0x40, ...fixed.slice(1)]],
    ['RTCP', [0x80, 200, ...fixed.slice(2)]],
    ['with a CSRC list beyond their end', [0x81, ...fixed.slice(1)]],
    ['with an extension header beyond their end', [0x90, ...fixed.slice(1), 0, 0]],
    ['with an extension beyond their end', [0x90, ...fixed.slice(1), 0xbe, 0xde, 0, 1]],
    ['with padding of nothing', [0xa0, ...fixed.slice(1), 0]],
    ['with more padding than payload', [0xa0, ...fixed.slice(1), 1, 3]],
  ])('are refused when they are %s', (_, bytes) => {
    expect(parse(bytes)).toBeNull();
  });

  it('are not read beyond the bytes there are', () => {
    expect(parse(fixed, 40)).toBeNull();
  });

  it('keep within the packet for a million damaged ones', () => {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 8;
    };
    const packet = new Uint8Array(64);
    const header = newRtpHeader();
    let accepted = 0;
    for (let i = 0; i < 1_000_000; i++) {
      for (let n = 0; n < 4; n++) packet[random() % 64] = random();
      if (i % 2 === 0) packet[0] = (packet[0]! & 0x3f) | 0x80;
      const length = random() % 65;
      if (!parseRtp(packet, length, header)) continue;
      accepted++;
      if (header.payloadStart < 12 || header.payloadStart > header.payloadEnd || header.payloadEnd > length) {
        expect.fail(`${Buffer.from(packet).toString('hex')} ${JSON.stringify(header)}`);
      }
    }
    expect(accepted).toBeGreaterThan(50_000);
  });
});

describe('sharing a port', () => {
  it('tells RTCP from RTP', () => {
    const packet = Uint8Array.from(fixed);
    expect(isRtcp(packet, 12)).toBe(false);
    for (const type of [192, 200, 201, 203, 223]) {
      packet[1] = type;
      expect(isRtcp(packet, 12)).toBe(true);
    }
    expect(isRtcp(packet, 4)).toBe(false);
  });
});

describe('distances', () => {
  it('go over the wraps', () => {
    expect(sequenceDistance(0, 65_535)).toBe(1);
    expect(sequenceDistance(65_535, 0)).toBe(-1);
    expect(sequenceDistance(100, 100)).toBe(0);
    expect(timestampDistance(0, 0xffff_ff60)).toBe(160);
    expect(timestampDistance(0xffff_ff60, 0)).toBe(-160);
  });
});
