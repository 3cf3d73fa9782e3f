import { isIP } from 'node:net';
import type { FrameCodec } from './codecs/frame-codec.js';
import type { MediaLatch } from './media-latch.js';
import { newRtpHeader, parseRtp, type RtpHeader } from './rtp-packet.js';
import { comfortNoisePayloadType } from './sdp/payload-types.js';
import { type SrtpReceiver, srtpRefusal } from './srtp/srtp.js';

/** What the negotiation says about receiving. */
export type ReceivingRules = {
  readonly codec: FrameCodec;
  readonly payloadType: number;
  /** Further codecs the peer may change to without asking, by payload number (RFC 3264 section 6.1). */
  readonly alternatives: ReadonlyMap<number, FrameCodec>;
  readonly telephoneEvent: number | null;
  /** Number of comfort noise, where it has another than its static one. */
  readonly comfortNoise: number | null;
  readonly srtp: SrtpReceiver | null;
};

/** Packets that were not taken, by reason. */
export type RefusedPackets = {
  /** From a source that may not send to this leg. */
  wrongSource: number;
  /** Not RTP, or not what SRTP authenticates. */
  malformed: number;
  replayed: number;
  /** A payload type that was not agreed on. */
  unknownPayload: number;
};

/** Valid packets of the peer. `message` is decrypted and may be rewritten; `header` is reused for the next packet. */
export type ReceivedHandlers = {
  audio(message: Buffer, header: RtpHeader, now: number): void;
  /** From the next audio packet on the peer speaks this codec. */
  codec(codec: FrameCodec): void;
  event(message: Buffer, header: RtpHeader, now: number): void;
  /** Comfort noise (RFC 3389): the peer is there and silent. */
  noise(message: Buffer, header: RtpHeader, now: number): void;
  /** The peer's packets come from here now: media goes there. */
  latched(address: string, port: number): void;
};

/** Takes in what arrives at a leg's RTP port and hands on what its peer may send. */
export type LegReceiver = {
  configure(rules: ReceivingRules): void;
  packet(message: Buffer, address: string, port: number, now: number): void;
  readonly refused: Readonly<RefusedPackets>;
};

export const legReceiver = (latch: MediaLatch, handlers: ReceivedHandlers): LegReceiver => {
  const header = newRtpHeader();
  const refused: RefusedPackets = { wrongSource: 0, malformed: 0, replayed: 0, unknownPayload: 0 };
  let rules: ReceivingRules | null = null;
  /** Payload number of the codec that the peer speaks now. */
  let spoken = -1;

  /** Follows the peer to another of the codecs that were agreed on; false when it is none of them. */
  const changesCodec = ({ payloadType, codec, alternatives }: ReceivingRules, type: number): boolean => {
    const next = type === payloadType ? codec : alternatives.get(type);
    if (next === undefined) return false;
    spoken = type;
    handlers.codec(next);
    return true;
  };

  return {
    refused,
    configure(next) {
      rules = next;
      spoken = next.payloadType;
    },
    packet(message, address, port, now) {
      if (rules === null) return;
      const verdict = latch.check(address, port, now);
      if (verdict === 'refused') {
        refused.wrongSource += 1;
        return;
      }
      let length = message.length;
      if (rules.srtp !== null) {
        length = rules.srtp.unprotect(message, length);
        if (length < 0) {
          if (length === srtpRefusal.replayed) refused.replayed += 1;
          else refused.malformed += 1;
          return;
        }
      }
      if (!parseRtp(message, length, header)) {
        refused.malformed += 1;
        return;
      }
      const type = header.payloadType;
      // Many send it under its static number without a word of it in their description.
      const isNoise = type === comfortNoisePayloadType || type === rules.comfortNoise;
      const isAudio = type !== rules.telephoneEvent && !isNoise;
      if (isAudio && type !== spoken && !changesCodec(rules, type)) {
        refused.unknownPayload += 1;
        return;
      }
      // Only now, with a packet that fits what was agreed on, does a new source become the peer's.
      if (verdict === 'candidate') {
        latch.confirm(address, port, now);
        if (isIP(address) !== 0) handlers.latched(address, port);
      } else latch.heard(now);
      if (isAudio) handlers.audio(message, header, now);
      else if (type === rules.telephoneEvent) handlers.event(message, header, now);
      else handlers.noise(message, header, now);
    },
  };
};
