import { describe, expect, it } from 'vitest';
import {
  ntpMiddle,
  ntpTime,
  parseRtcp,
  type RtcpPacket,
  type RtcpReportBlock,
  roundTripTime,
  writeRtcp,
} from './rtcp.js';

const block: RtcpReportBlock = {
  ssrc: 0xcafebabe,
  fractionLost: 64,
  cumulativeLost: -3,
  highestSequence: 0x0001_ffff,
  jitter: 80,
  lastSenderReport: 0xb705_2000,
  delaySinceLastSenderReport: 0x0005_4000,
};

const packets: RtcpPacket[] = [
  {
    type: 'sender-report',
    ssrc: 1,
    sender: { ntpSeconds: 0xb44d_b705, ntpFraction: 0x2000_0000, rtpTimestamp: 160, packetCount: 2, octetCount: 320 },
    reports: [block, { ...block, ssrc: 5, cumulativeLost: 0x7f_ffff }],
  },
  { type: 'receiver-report', ssrc: 2, reports: [] },
  {
    type: 'description',
    chunks: [
      { ssrc: 1, cname: 'a@b.c' },
      { ssrc: 2, cname: 'ünï' },
      { ssrc: 3, cname: '' },
    ],
  },
  { type: 'bye', ssrcs: [1, 2], reason: 'hung up' },
  { type: 'bye', ssrcs: [1], reason: null },
];

const write = (list: readonly RtcpPacket[]): Uint8Array => {
  const out = new Uint8Array(500).fill(0xee);
  return out.slice(0, writeRtcp(out, list));
};

describe('RTCP', () => {
  it('reads what it writes', () => {
    const bytes = write(packets);
    expect(bytes.length % 4).toBe(0);
    expect(parseRtcp(bytes, bytes.length)).toEqual(packets);
  });

  it('writes the bytes that RFC 3550 draws', () => {
    expect(Buffer.from(write([{ type: 'receiver-report', ssrc: 0x0102_0304, reports: [block] }])).toString('hex')).toBe(
      '81c90007' + '01020304' + 'cafebabe' + '40fffffd' + '0001ffff' + '00000050' + 'b7052000' + '00054000',
    );
    expect(Buffer.from(write([{ type: 'description', chunks: [{ ssrc: 9, cname: 'abc' }] }])).toString('hex')).toBe(
      '81ca0003' + '00000009' + '0103616263' + '000000',
    );
    expect(Buffer.from(write([{ type: 'bye', ssrcs: [9], reason: 'x' }])).toString('hex')).toBe(
      '81cb0002' + '00000009' + '01780000',
    );
  });

  it('skips packet types it has no use for', () => {
    const report = write([{ type: 'receiver-report', ssrc: 2, reports: [] }]);
    const feedback = Buffer.from('81ce0002' + '00000001' + '00000002', 'hex');
    const bytes = Buffer.concat([report, feedback]);
    expect(parseRtcp(bytes, bytes.length)).toEqual([{ type: 'receiver-report', ssrc: 2, reports: [] }]);
  });

  it('takes padding at the end of the last packet', () => {
    const bytes = Buffer.from('a0c90002' + '00000002' + '00000004', 'hex');
    expect(parseRtcp(bytes, bytes.length)).toEqual([{ type: 'receiver-report', ssrc: 2, reports: [] }]);
  });

  it.each([
    ['nothing', ''],
    ['four bytes', '80c90000'],
    ['a length that is no multiple of four', '80c9000100000002ff'],
    ['another version', '40c9000100000002'],
    ['a BYE at the beginning', '81cb000100000002'],
    ['a length beyond the end', '80c9000200000002'],
    ['more report blocks than fit', '81c9000100000002'],
    ['a sender report without its second part', '80c8000100000002'],
    ['a second packet beyond the end', '80c900010000000280c9000100'],
    ['padding of nothing', 'a0c900020000000200000000'],
    ['padding longer than the packet', 'a0c9000200000002000000ff'],
    ['a name beyond the end of its packet', '80c900010000000281ca00020000000901ff6162'],
    ['more BYE sources than fit', '80c90001000000029fcb000100000009'],
    ['a BYE reason beyond the end', '80c900010000000281cb00020000000909616263'],
  ])('refuses %s', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(parseRtcp(bytes, bytes.length)).toBeNull();
  });

  it('neither throws nor reads too far on 300,000 damaged packets', () => {
    const good = [write(packets), write(packets.slice(1))];
    let state = 9;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 4_294_967_296) * below);
    };
    let accepted = 0;
    for (let i = 0; i < 300_000; i++) {
      const bytes = Buffer.from(good[i % 2]!);
      for (let n = random(4); n >= 0; n--) bytes[random(bytes.length)] = random(256);
      const length = random(3) === 0 ? random(bytes.length / 4) * 4 : bytes.length;
      const read = parseRtcp(bytes, length);
      if (read !== null) accepted++;
      if (read !== null && read.length > length / 8) expect.fail(bytes.toString('hex'));
    }
    expect(accepted).toBeGreaterThan(10_000);
  });
});

describe('times', () => {
  it('converts to NTP', () => {
    expect(ntpTime(0)).toEqual({ seconds: 2_208_988_800, fraction: 0 });
    expect(ntpTime(1_500.5)).toEqual({ seconds: 2_208_988_801, fraction: Math.floor(0.5005 * 2 ** 32) });
    expect(ntpMiddle({ seconds: 0xb44d_b705, fraction: 0x2000_0000 })).toBe(0xb705_2000);
  });

  it('computes the round trip of the example in RFC 3550', () => {
    expect(roundTripTime(block, 0xb710_8000)).toBeCloseTo(6_125, 0);
  });

  it('knows none before a sender report came back, nor from impossible values', () => {
    expect(roundTripTime({ ...block, lastSenderReport: 0 }, 1)).toBeNull();
    expect(roundTripTime(block, 0xb705_2000)).toBeNull();
    expect(roundTripTime(block, 0xb805_2000)).toBeNull();
    expect(roundTripTime({ ...block, delaySinceLastSenderReport: 10 }, 0xb705_2000)).toBe(0);
  });

  it('goes over the wrap of the middle bits', () => {
    const report = { ...block, lastSenderReport: 0xffff_f000, delaySinceLastSenderReport: 0 };
    expect(roundTripTime(report, 0x0000_0000)).toBeCloseTo(62.5, 3);
  });
});
