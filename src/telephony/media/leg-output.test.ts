import { expect, test } from 'vitest';
import { noiseShape } from './codecs/comfort-noise.js';
import { frameCodec } from './codecs/frame-codec.js';
import { legOutput } from './leg-output.js';
import { legSender } from './leg-sender.js';
import { outStream } from './out-stream.js';
import { packetSlots } from './packet-slots.js';
import { newRtpHeader, parseRtp, writeRtpHeader } from './rtp-packet.js';

const pcmu = frameCodec('PCMU');
if (pcmu === null) throw new Error('there is no PCMU');

type Seen = { readonly type: number; readonly marker: boolean; readonly sequence: number; readonly timestamp: number };

/** What a leg says on the wire, frame by frame, without sockets. */
const speaking = (events: number | null = 101) => {
  const sent: Seen[] = [];
  const header = newRtpHeader();
  const sender = legSender({
    stream: outStream(8_000, { ssrc: 1, sequence: 0, timestamp: 0 }),
    sockets: {
      sendRtp(packet) {
        parseRtp(packet, packet.length, header);
        const { payloadType: type, marker, sequence, timestamp } = header;
        sent.push({ type, marker, sequence, timestamp });
      },
      sendRtcp: () => {},
      sendErrors: 0,
      close: async () => {},
    },
    slots: packetSlots(),
  });
  sender.configure({ codec: pcmu, payloadType: 0, ptime: 20, telephoneEvent: events, allowed: true, srtp: null });
  sender.aim('127.0.0.1', 4_000);
  const output = legOutput({ sender, bridgeGapMs: 120, onFrame: () => {}, onPlayed: () => {} });
  const message = Buffer.alloc(172);
  const foreign = newRtpHeader();
  return {
    sent,
    output,
    /** A packet of the other leg's peer. */
    audio(sequence: number, now: number) {
      writeRtpHeader(message, 0, false, sequence & 0xffff, (sequence * 160) >>> 0, 7);
      parseRtp(message, 172, foreign);
      sender.forwardAudio(message, foreign, pcmu, now);
    },
    event(sequence: number, timestamp: number, marker: boolean, end: boolean, duration: number, now: number) {
      writeRtpHeader(message, 96, marker, sequence, timestamp, 7);
      message.set([5, end ? 0x8a : 0x0a, duration >> 8, duration & 0xff], 12);
      parseRtp(message, 16, foreign);
      sender.forwardEvent(message, foreign, now);
    },
  };
};

test('an hour of a bridged direction loses nothing and is one stream', () => {
  const { sent, output, audio } = speaking();
  output.begin(0);
  output.setBridged(true);
  const packets = 180_000;
  for (let i = 0; i < packets; i += 1) {
    audio(40_000 + i, i * 20);
    output.tick(i * 20 + 5);
  }
  expect(sent.length).toBe(packets);
  expect(sent.filter(({ marker }) => marker).length).toBe(1);
  expect(sent.every(({ sequence }, i) => sequence === i % 65_536)).toBe(true);
});

test('a key amid the silence of a peer with comfort noise stays one key', () => {
  const { sent, output, event } = speaking();
  output.begin(0);
  output.setBridged(true);
  output.bridgeNoise(noiseShape(50));
  const keyAt = 200;
  for (let now = 0; now < 1_000; now += 20) {
    const since = now - keyAt;
    // 160 ms, an update every 20 ms as they come over a bad network (one 80 ms late), the end three times.
    if (since >= 0 && since < 220 && since !== 60 && since !== 80 && since !== 100) {
      const ends = since >= 160;
      event(100 + since / 20, 50_000, since === 0, ends, ends ? 1_280 : since * 8 + 160, now);
    }
    output.tick(now + 5);
  }
  const keys = sent.filter(({ type }) => type === 101);
  expect(keys.length).toBe(8);
  expect(new Set(keys.map(({ timestamp }) => timestamp)).size).toBe(1);
  expect(keys.filter(({ marker }) => marker).length).toBe(1);
  // Before and behind the key the background goes on.
  expect(sent.filter(({ type }) => type === 0).length).toBeGreaterThanOrEqual(30);
  expect(sent.at(-1)?.type).toBe(0);
});
