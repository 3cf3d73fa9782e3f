import { expect, it } from 'vitest';
import { ladderCapture } from './capture.js';
import type { LadderEntry } from './recorder.js';

const entry = (changes: Partial<LadderEntry>): LadderEntry => ({
  ...{ at: 1_700_000_000_123, direction: 'in', transport: 'udp', remote: '192.0.2.7:5080', local: '127.0.0.1:5060' },
  ...{ callId: 'a', label: 'INVITE', startLine: '', request: true, sdp: false, retransmission: false },
  message: 'INVITE sip:a@b SIP/2.0\r\n\r\n',
  ...changes,
});

/** Sum of 16-bit words, carried around: 0xffff over a header whose checksum is right. */
const sum = (bytes: Buffer): number => {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
};

const packets = (file: Buffer): { readonly at: number; readonly ip: Buffer }[] => {
  expect(file.readUInt32LE(0)).toBe(0xa1b2c3d4);
  expect(file.readUInt32LE(20)).toBe(101);
  const found = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    expect(file.readUInt32LE(at + 12)).toBe(length);
    const time = file.readUInt32LE(at) * 1_000 + file.readUInt32LE(at + 4) / 1_000;
    found.push({ at: time, ip: file.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return found;
};

it('is one datagram for each message, between the addresses it went between, with checksums that hold', () => {
  const [first, second] = packets(
    ladderCapture({ entries: [entry({}), entry({ direction: 'out', message: 'SIP/2.0 200 OK\r\n\r\n!' })] }),
  );
  const ip = first?.ip ?? Buffer.alloc(0);
  expect(first?.at).toBe(1_700_000_000_123);
  expect([...ip.subarray(12, 20)]).toEqual([192, 0, 2, 7, 127, 0, 0, 1]);
  expect([ip.readUInt16BE(20), ip.readUInt16BE(22)]).toEqual([5080, 5060]);
  expect(ip.subarray(28).toString()).toBe('INVITE sip:a@b SIP/2.0\r\n\r\n');
  expect(sum(ip.subarray(0, 20))).toBe(0xffff);
  const udp = second?.ip ?? Buffer.alloc(0);
  expect(udp.readUInt16BE(2)).toBe(udp.length);
  const pseudo = Buffer.concat([udp.subarray(12, 20), Buffer.from([0, 17]), udp.subarray(24, 26)]);
  expect(sum(Buffer.concat([pseudo, udp.subarray(20)]))).toBe(0xffff);
  expect([...udp.subarray(12, 20)]).toEqual([127, 0, 0, 1, 192, 0, 2, 7]);
});

it('takes IPv6, names and addresses that are not known', () => {
  const [six, name, nobody] = packets(
    ladderCapture({
      entries: [
        entry({ remote: '[2001:db8::7]:5062', local: '[::1]:5060' }),
        entry({ remote: 'line.test:5070', local: null }),
        entry({ remote: 'unknown', local: null }),
      ],
    }),
  );
  expect(six?.ip[0]).toBe(0x60);
  expect(six?.ip.subarray(8, 24).toString('hex')).toBe('20010db8000000000000000000000007');
  expect(six?.ip.subarray(24, 40).toString('hex')).toBe('00000000000000000000000000000001');
  expect(six?.ip.readUInt16BE(40)).toBe(5062);
  expect([...(name?.ip.subarray(12, 20) ?? [])]).toEqual([198, 51, 100, 1, 192, 0, 2, 1]);
  expect(name?.ip.readUInt16BE(20)).toBe(5070);
  expect([...(nobody?.ip.subarray(12, 16) ?? [])]).toEqual([198, 51, 100, 2]);
});
