import { describe, expect, it } from 'vitest';
import { createDtmfReceiver } from './dtmf-receiver.js';
import { createDtmfSender } from './dtmf-sender.js';
import { dtmfDigits, newTelephoneEvent, readTelephoneEvent, writeTelephoneEvent } from './telephone-event.js';

type Sent = { event: number; end: boolean; duration: number; marker: boolean; timestamp: number; at: number };

/** Runs a sender for as long as it has something to send and returns its packets. */
const record = async (
  digits: string,
  options = {},
  startTimestamp = 1_000,
): Promise<{ packets: Sent[]; frames: number }> => {
  const packets: Sent[] = [];
  let timestamp = startTimestamp;
  let eventTimestamp = 0;
  let frame = 0;
  const parsed = newTelephoneEvent();
  const sender = createDtmfSender({
    begin: () => {
      eventTimestamp = timestamp;
    },
    event: (payload, marker) => {
      expect(readTelephoneEvent(payload, 0, 4, parsed)).toBe(true);
      packets.push({ ...parsed, marker, timestamp: eventTimestamp, at: frame * 20 });
    },
  });
  const done = sender.send(digits, options);
  while (sender.pending()) {
    sender.tick();
    frame++;
    timestamp += 160;
  }
  await done;
  return { packets, frames: frame };
};

const receive = (packets: readonly Sent[], tickUntil = 0): { digit: string; durationMs: number }[] => {
  const digits: { digit: string; durationMs: number }[] = [];
  const receiver = createDtmfReceiver({ onDigit: (digit, durationMs) => digits.push({ digit, durationMs }) });
  const payload = new Uint8Array(4);
  for (const { event, end, duration, timestamp, marker, at } of packets) {
    receiver.tick(at);
    writeTelephoneEvent(payload, 0, event, end, 10, duration);
    receiver.packet(payload, 0, 4, timestamp, marker, at);
  }
  receiver.tick(tickUntil);
  return digits;
};

describe('sending telephone events', () => {
  it('begins with the marker, updates every 20 ms and ends three times with the whole duration', async () => {
    const { packets } = await record('5', { durationMs: 100, gapMs: 100 });
    expect(packets.map(({ event, end, marker, duration }) => [event, end, marker, duration])).toEqual([
      [5, false, true, 160],
      [5, false, false, 320],
      [5, false, false, 480],
      [5, false, false, 640],
      [5, true, false, 800],
      [5, true, false, 800],
      [5, true, false, 800],
    ]);
    expect(new Set(packets.map(({ timestamp }) => timestamp)).size).toBe(1);
  });

  it('gives each digit its own timestamp, later by duration and gap', async () => {
    const { packets } = await record('12', { durationMs: 100, gapMs: 80 });
    const starts = packets.filter(({ marker }) => marker).map(({ timestamp }) => timestamp);
    expect(starts).toHaveLength(2);
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual((100 + 80) * 8);
  });

  it('keeps durations and gaps within what receivers recognise', async () => {
    expect((await record('1', { durationMs: 0, gapMs: 0 })).packets.at(-1)?.duration).toBe(320);
    expect((await record('1', { durationMs: 1e9 })).packets.at(-1)?.duration).toBe(48_000);
  });

  it('pauses half a second at a w', async () => {
    const [plain, paused] = [await record('12'), await record('1w2')];
    expect(paused.frames - plain.frames).toBe(25);
    expect(receive(paused.packets).map(({ digit }) => digit)).toEqual(['1', '2']);
  });

  it('resolves at once when there is nothing to send', async () => {
    expect((await record('xyz')).packets).toEqual([]);
  });

  it('ends the digit under way and settles all when cleared', async () => {
    const ends: boolean[] = [];
    const parsed = newTelephoneEvent();
    const sender = createDtmfSender({
      begin: () => {},
      event: (payload) => {
        readTelephoneEvent(payload, 0, 4, parsed);
        ends.push(parsed.end);
      },
    });
    const first = sender.send('1', { durationMs: 2_000 });
    const second = sender.send('23');
    sender.tick();
    sender.tick();
    sender.clear();
    // The leg that closes ticks no more.
    await Promise.all([first, second]);
    for (let i = 0; i < 20; i++) sender.tick();
    expect(ends).toEqual([false, false, true, true, true]);
    expect(sender.pending()).toBe(false);
  });
});

describe('receiving telephone events', () => {
  it('reports every digit once with its duration', async () => {
    const { packets } = await record('0123456789*#ABCD', { durationMs: 120 });
    expect(receive(packets)).toEqual([...dtmfDigits].map((digit) => ({ digit, durationMs: 120 })));
  });

  it('tells the same key pressed twice from one press', async () => {
    const { packets } = await record('555');
    expect(receive(packets).map(({ digit }) => digit)).toEqual(['5', '5', '5']);
  });

  it('needs any one packet of a press, whichever it is', async () => {
    const { packets } = await record('7', { durationMs: 100 });
    for (const packet of packets) expect(receive([packet], packet.at + 1_000).map(({ digit }) => digit)).toEqual(['7']);
  });

  it('reports a press whose end packets were lost when the next one begins or silence follows', async () => {
    const { packets } = await record('12', { durationMs: 100 });
    const withoutEnds = packets.filter(({ end }) => !end);
    expect(receive(withoutEnds, 10_000)).toEqual([
      { digit: '1', durationMs: 80 },
      { digit: '2', durationMs: 80 },
    ]);
    expect(receive(withoutEnds).map(({ digit }) => digit)).toEqual(['1']);
  });

  it('ignores doubled and late packets', async () => {
    const { packets } = await record('12', { durationMs: 100 });
    const shuffled = [...packets, ...packets.map((packet) => ({ ...packet, at: 2_000 }))];
    expect(receive(shuffled, 5_000).map(({ digit }) => digit)).toEqual(['1', '2']);
    const reordered = packets.toSorted((a, b) => (a.at ^ 20) - (b.at ^ 20));
    expect(receive(reordered, 5_000).map(({ digit }) => digit)).toEqual(['1', '2']);
  });

  it('joins the segments of a press longer than 65535 units', () => {
    const press = (timestamp: number, duration: number, end: boolean, at: number): Sent => ({
      event: 4,
      end,
      duration,
      marker: false,
      timestamp,
      at,
    });
    const packets = [
      { ...press(1_000, 160, false, 0), marker: true },
      press(1_000, 65_535, false, 100),
      press(1_000 + 65_535, 160, false, 120),
      press(1_000 + 65_535, 8_000, true, 200),
    ];
    expect(receive(packets)).toEqual([{ digit: '4', durationMs: Math.round((65_535 + 8_000) / 8) }]);
  });

  it('takes the packets of a sender that moves the timestamp with each of them for one press', () => {
    const packets = Array.from({ length: 8 }, (_, i) => ({
      event: 9,
      end: i >= 5,
      duration: Math.min(i + 1, 6) * 160,
      marker: i === 0,
      timestamp: 5_000 + i * 160,
      at: i * 20,
    }));
    expect(receive(packets, 5_000)).toEqual([{ digit: '9', durationMs: 120 }]);
  });

  it('goes on over the wrap of the timestamp', async () => {
    const { packets } = await record('123', { durationMs: 100 }, 0xffff_ff00);
    const wrapped = packets.map((packet) => ({ ...packet, timestamp: packet.timestamp >>> 0 }));
    expect(receive(wrapped).map(({ digit }) => digit)).toEqual(['1', '2', '3']);
  });

  it('starts afresh after a reset, whatever the timestamps are then', () => {
    const digits: string[] = [];
    const receiver = createDtmfReceiver({ onDigit: (digit) => digits.push(digit) });
    const payload = Uint8Array.from([3, 0x80, 0, 160]);
    receiver.packet(payload, 0, 4, 100_000, true, 0);
    receiver.packet(payload, 0, 4, 99_000, true, 10);
    receiver.reset();
    receiver.packet(payload, 0, 4, 99_000, true, 20);
    expect(digits).toEqual(['3', '3']);
  });

  it('ignores events that are no digits, short payloads and ranges beyond the packet', () => {
    const digits: string[] = [];
    const receiver = createDtmfReceiver({ onDigit: (digit) => digits.push(digit) });
    receiver.packet(Uint8Array.from([16, 0x80, 0, 160]), 0, 4, 1, true, 0);
    receiver.packet(Uint8Array.from([1, 0x80, 0]), 0, 3, 1, true, 0);
    receiver.packet(Uint8Array.from([1, 0x80]), 0, 4, 1, true, 0);
    receiver.tick(10_000);
    expect(digits).toEqual([]);
  });
});
