import { describe, expect, test } from 'vitest';
import { type OutStream, outStream } from './out-stream.js';
import { newRtpHeader, parseRtp, writeRtpHeader } from './rtp-packet.js';

const read = (packet: Uint8Array) => {
  const header = newRtpHeader();
  expect(parseRtp(packet, packet.length, header)).toBe(true);
  return header;
};
const stream = (sequence = 65_530, timestamp = 0xffff_ff00): OutStream =>
  outStream(8_000, { ssrc: 0xdeadbeef, sequence, timestamp });
const local = (out: OutStream, now: number) => {
  const packet = new Uint8Array(172);
  out.stamp(packet, 0, 160, 160, now);
  return read(packet);
};
const foreign = (out: OutStream, sequence: number, timestamp: number, now: number, ssrc = 7, marker = false) => {
  const packet = new Uint8Array(172);
  writeRtpHeader(packet, 8, marker, sequence & 0xffff, timestamp >>> 0, ssrc);
  return out.forward(packet, 0, 160, 160, now) ? read(packet) : null;
};

test('packets of our own follow each other by one and by their length, over both wraps', () => {
  const out = stream();
  for (let i = 0; i < 20; i += 1) {
    const header = local(out, 1_000 + i * 20);
    expect(header.sequence).toBe((65_530 + i) & 0xffff);
    expect(header.timestamp).toBe((0xffff_ff00 + i * 160) >>> 0);
    expect(header.marker).toBe(i === 0);
    expect(header.ssrc).toBe(0xdeadbeef);
  }
  expect([out.packets, out.octets]).toEqual([20, 3_200]);
});

test('after a pause the timestamp has run on with the clock and the marker says so', () => {
  const out = stream(0, 0);
  local(out, 0);
  const header = local(out, 1_020);
  expect([header.sequence, header.timestamp, header.marker]).toEqual([1, 8_160, true]);
});

describe('forwarding', () => {
  test('goes on where our own packets ended and keeps gaps and order of the source', () => {
    const out = stream(100, 5_000);
    local(out, 0);
    expect(foreign(out, 40_000, 777, 20)).toMatchObject({
      sequence: 101,
      timestamp: 5_160,
      marker: true,
      payloadType: 0,
    });
    expect(foreign(out, 40_001, 937, 40)).toMatchObject({ sequence: 102, timestamp: 5_320, marker: false });
    expect(foreign(out, 40_004, 1_417, 100)).toMatchObject({ sequence: 105, timestamp: 5_800 });
    expect(foreign(out, 40_003, 1_257, 101)).toMatchObject({ sequence: 104, timestamp: 5_640 });
    expect(local(out, 120)).toMatchObject({ sequence: 106, timestamp: 5_960, marker: true });
  });

  test('sends a duplicate once', () => {
    const out = stream();
    foreign(out, 1, 160, 0);
    expect(foreign(out, 2, 320, 20)).not.toBeNull();
    expect(foreign(out, 2, 320, 21)).toBeNull();
    expect(out.packets).toBe(2);
  });

  test('drops what is older than the change of source: its number has been used', () => {
    const out = stream(0, 0);
    local(out, 0);
    foreign(out, 500, 80_000, 20);
    expect(foreign(out, 499, 79_840, 21)).toBeNull();
    expect(foreign(out, 501, 80_160, 40)?.sequence).toBe(2);
  });

  test('another SSRC, or a jump of the source, continues without a hole', () => {
    const out = stream(0, 0);
    foreign(out, 9, 1_000, 0, 1);
    expect(foreign(out, 60_000, 99, 20, 2)).toMatchObject({ sequence: 1, timestamp: 160, marker: true });
    expect(foreign(out, 30_000, 4_000_000_000, 40, 2)).toMatchObject({ sequence: 2, timestamp: 320, marker: true });
  });

  test('over a wrap of the source', () => {
    const out = stream(10, 0);
    for (let i = 0; i < 10; i += 1) {
      expect(foreign(out, 65_531 + i, 0xffff_fe00 + i * 160, i * 20)).toMatchObject({
        sequence: 10 + i,
        timestamp: i * 160,
      });
    }
  });

  test('no sequence number is ever used for two packets, whatever the source does', () => {
    let seed = 42;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return seed % below;
    };
    const out = stream(3, 0);
    const recent: number[] = [];
    let source = 0;
    for (let i = 0; i < 50_000; i += 1) {
      const now = i * 5;
      const kind = random(10);
      if (kind === 0) recent.push(local(out, now).sequence);
      else {
        source += kind === 1 ? random(65_536) : kind === 2 ? -random(120) : 1;
        const header = foreign(out, source, source * 160, now, 1 + Math.floor(i / 1_000));
        if (header !== null) recent.push(header.sequence);
      }
    }
    // Numbers come again only after a wrap: the same one twice within a thousand packets would be a collision.
    const lastAt = new Map<number, number>();
    const collisions = recent.filter((sequence, index) => {
      const before = lastAt.get(sequence);
      lastAt.set(sequence, index);
      return before !== undefined && index - before < 1_000;
    });
    expect(collisions).toEqual([]);
  });
});

test('all packets of an event share its timestamp, and audio goes on by the clock', () => {
  const out = stream(0, 0);
  local(out, 0);
  out.beginEvent(20);
  const packet = new Uint8Array(16);
  for (let i = 0; i < 4; i += 1) {
    out.stampEvent(packet, 101, i === 0, 160 * (i + 1), 4, 20 + i * 20);
    expect(read(packet)).toMatchObject({ sequence: 1 + i, timestamp: 160, marker: i === 0, payloadType: 101 });
  }
  expect(local(out, 100)).toMatchObject({ sequence: 5, timestamp: 800 });
});
