import { describe, expect, it } from 'vitest';
import { frameCodec } from './codecs/frame-codec.js';
import { legReceiver } from './leg-receiver.js';
import { addressRanges, mediaLatch } from './media-latch.js';
import { rtpHeaderLength, writeRtpHeader } from './rtp-packet.js';

const pcmu = frameCodec('PCMU')!;
const pcma = frameCodec('PCMA')!;

/** A receiver that notes what it hands on, and the function that brings it a packet of a payload type. */
const receiving = (alternatives: ReadonlyMap<number, typeof pcma>, comfortNoise: number | null = null) => {
  const log: string[] = [];
  const latch = mediaLatch({ signallingAddress: null, ranges: addressRanges([]), lossMs: 1_000, learnMs: 1_000 });
  latch.describe({ address: '192.0.2.1', port: 4_000 });
  const receiver = legReceiver(latch, {
    audio: (_, header) => log.push(`audio ${header.payloadType}`),
    codec: (codec) => log.push(`codec ${codec.name}`),
    event: () => log.push('event'),
    noise: () => log.push('noise'),
    latched: () => {},
  });
  receiver.configure({ codec: pcmu, payloadType: 0, alternatives, telephoneEvent: 101, comfortNoise, srtp: null });
  let sequence = 0;
  const bring = (payloadType: number): void => {
    const packet = Buffer.alloc(rtpHeaderLength + 160);
    writeRtpHeader(packet, payloadType, false, sequence, sequence * 160, 7);
    sequence += 1;
    receiver.packet(packet, '192.0.2.1', 4_000, sequence * 20);
  };
  return { log, receiver, bring };
};

describe('a leg that receives', () => {
  it('follows the peer between the codecs of its answer, telling each change once', () => {
    const { log, bring } = receiving(new Map([[8, pcma]]));
    for (const payloadType of [0, 8, 8, 101, 8, 0, 13]) bring(payloadType);
    expect(log).toEqual([
      'audio 0',
      'codec PCMA',
      'audio 8',
      'audio 8',
      'event',
      'audio 8',
      'codec PCMU',
      'audio 0',
      'noise',
    ]);
  });

  it('takes comfort noise under its static number and under the one agreed on', () => {
    const { log, receiver, bring } = receiving(new Map(), 97);
    for (const payloadType of [0, 97, 13]) bring(payloadType);
    expect(log).toEqual(['audio 0', 'noise', 'noise']);
    expect(receiver.refused.unknownPayload).toBe(0);
  });

  it('counts and drops what was not agreed on', () => {
    const { log, receiver, bring } = receiving(new Map());
    for (const payloadType of [8, 18, 96]) bring(payloadType);
    expect(log).toEqual([]);
    expect(receiver.refused).toMatchObject({ unknownPayload: 3, malformed: 0, wrongSource: 0 });
  });
});
