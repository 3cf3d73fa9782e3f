import { createHmac } from 'node:crypto';
import { newRtpHeader, parseRtp } from '../rtp-packet.js';
import { deriveKeys } from './key-derivation.js';
import type { Keystream } from './keystream.js';
import { createBlockCipher, createKeystream } from './keystream.js';
import { estimateIndex } from './packet-index.js';
import type { ReplayWindow } from './replay-window.js';
import { createReplayWindow } from './replay-window.js';
import type { SrtpSuite } from './suite.js';
import { srtcpTagLength, srtpTagLength } from './suite.js';

/** Room a packet needs behind its end before it is protected: index and tag of SRTCP. */
export const srtpOverhead = 14;

/** Why a packet was not accepted. */
export const srtpRefusal = { malformed: -1, authentication: -2, replayed: -3 } as const;

export type SrtpSender = {
  /**
   * Protects the RTP packet in `packet[0..length)` in place and returns its new length. The packet must be one of ours,
   * with room for `srtpOverhead` bytes behind it.
   */
  protect(packet: Uint8Array, length: number): number;
  protectRtcp(packet: Uint8Array, length: number): number;
};

export type SrtpReceiver = {
  /** Checks and decrypts in place; the new length, or a negative `srtpRefusal`. Never throws, whatever arrives. */
  unprotect(packet: Uint8Array, length: number): number;
  unprotectRtcp(packet: Uint8Array, length: number): number;
  /**
   * The peer has sent elsewhere for a while, under the same key: until a packet is authenticated, its sequence number may
   * have begun anew more often than is seen here.
   */
  resume(): void;
};

/** Times a sequence number may have begun anew meanwhile: with 50 packets a second, 16 of them are nearly six hours. */
const mostRollovers = 16;

/** The payload starts behind CSRC list and extension, which stay readable; padding is encrypted (RFC 3711 section 3.1). */
const payloadStart = (packet: Uint8Array): number => {
  let start = 12 + (packet[0]! & 0x0f) * 4;
  if ((packet[0]! & 0x10) !== 0) start += 4 + ((packet[start + 2]! << 8) | packet[start + 3]!) * 4;
  return start;
};

const read32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

const write32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
};

const authenticate = (authKey: Uint8Array, packet: Uint8Array, end: number): Uint8Array =>
  createHmac('sha1', authKey).update(packet.subarray(0, end)).digest();

/** In a time that does not tell how much of the tag was right. */
const sameTag = (digest: Uint8Array, packet: Uint8Array, at: number, length: number): boolean => {
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= digest[i]! ^ packet[at + i]!;
  return difference === 0;
};

const rtcpHeaderLength = 8;
const encryptedFlag = 0x8000_0000;

/**
 * Protects what one leg sends (RFC 3711 with the transforms of RFC 4568).
 *
 * @param key 30 bytes: master key and salt; never use one key in two senders
 */
export const createSrtpSender = (suite: SrtpSuite, key: Uint8Array): SrtpSender => {
  const rtp = deriveKeys(key, 'rtp');
  const rtcp = deriveKeys(key, 'rtcp');
  const rtpCipher = createBlockCipher(rtp.cipherKey);
  const rtcpCipher = createBlockCipher(rtcp.cipherKey);
  const tagLength = srtpTagLength[suite];
  // Never evicted: forgetting the index of an SSRC and meeting it again would use a key stream twice.
  const streams = new Map<number, { keystream: Keystream; highest: number }>();
  const rtcpStreams = new Map<number, Keystream>();
  let rtcpIndex = 0;

  return {
    protect(packet, length) {
      const ssrc = read32(packet, 8);
      const sequence = (packet[2]! << 8) | packet[3]!;
      let stream = streams.get(ssrc);
      if (stream === undefined) {
        stream = { keystream: createKeystream(rtpCipher, rtp.salt, ssrc), highest: sequence };
        streams.set(ssrc, stream);
      }
      const index = Math.max(estimateIndex(sequence, stream.highest), sequence);
      if (index > stream.highest) stream.highest = index;
      stream.keystream.xor(packet, payloadStart(packet), length, index);
      // The tag covers the packet and the rollover counter, which takes the tag's place while it is computed.
      write32(packet, length, Math.floor(index / 65_536));
      packet.set(authenticate(rtp.authKey, packet, length + 4).subarray(0, tagLength), length);
      return length + tagLength;
    },
    protectRtcp(packet, length) {
      const ssrc = read32(packet, 4);
      let keystream = rtcpStreams.get(ssrc);
      if (keystream === undefined) {
        keystream = createKeystream(rtcpCipher, rtcp.salt, ssrc);
        rtcpStreams.set(ssrc, keystream);
      }
      const index = rtcpIndex;
      rtcpIndex = (rtcpIndex + 1) % encryptedFlag;
      keystream.xor(packet, rtcpHeaderLength, length, index);
      write32(packet, length, (index | encryptedFlag) >>> 0);
      packet.set(authenticate(rtcp.authKey, packet, length + 4).subarray(0, srtcpTagLength), length + 4);
      return length + 4 + srtcpTagLength;
    },
  };
};

/** A peer has one SSRC at a time; some change it at every re-INVITE. The oldest of more is forgotten. */
const mostStreams = 8;

type ReceivedStream = { readonly keystream: Keystream; readonly window: ReplayWindow; highest: number };

const remember = (streams: Map<number, ReceivedStream>, ssrc: number, stream: ReceivedStream): void => {
  if (streams.size >= mostStreams) {
    for (const oldest of streams.keys()) {
      streams.delete(oldest);
      break;
    }
  }
  streams.set(ssrc, stream);
};

/** Checks and decrypts what a peer sends under this key (30 bytes: master key and salt). */
export const createSrtpReceiver = (suite: SrtpSuite, key: Uint8Array): SrtpReceiver => {
  const rtp = deriveKeys(key, 'rtp');
  const rtcp = deriveKeys(key, 'rtcp');
  const rtpCipher = createBlockCipher(rtp.cipherKey);
  const rtcpCipher = createBlockCipher(rtcp.cipherKey);
  const tagLength = srtpTagLength[suite];
  const streams = new Map<number, ReceivedStream>();
  const rtcpStreams = new Map<number, ReceivedStream>();
  const header = newRtpHeader();
  const savedTag = new Uint8Array(srtcpTagLength);
  let resuming = false;

  /** Whether the packet's tag is that of this index; leaves the packet as it came. */
  const authentic = (packet: Uint8Array, end: number, index: number): boolean => {
    for (let i = 0; i < tagLength; i++) savedTag[i] = packet[end + i]!;
    write32(packet, end, Math.floor(index / 65_536));
    const digest = authenticate(rtp.authKey, packet, end + 4);
    for (let i = 0; i < 4; i++) packet[end + i] = savedTag[i]!;
    return sameTag(digest, savedTag, 0, tagLength);
  };
  /** The first of the next rollovers that the packet's tag fits; -1: none. */
  const laterIndex = (packet: Uint8Array, end: number, from: number): number => {
    for (let times = 1; times <= mostRollovers; times++) {
      if (authentic(packet, end, from + times * 65_536)) return from + times * 65_536;
    }
    return -1;
  };

  return {
    unprotect(packet, length) {
      const end = length - tagLength;
      if (length > packet.length || end < 12) return srtpRefusal.malformed;
      // Padding lies in the encrypted part: its length is unknown yet, so the flag is hidden from this check.
      const first = packet[0]!;
      packet[0] = first & 0xdf;
      const valid = parseRtp(packet, end, header);
      packet[0] = first;
      if (!valid) return srtpRefusal.malformed;

      const { ssrc, sequence, payloadStart: start } = header;
      const known = streams.get(ssrc);
      let index = known === undefined ? sequence : estimateIndex(sequence, known.highest);
      if (index < 0) return srtpRefusal.malformed;
      if (!resuming && known?.window.seen(index)) return srtpRefusal.replayed;
      if (!authentic(packet, end, index)) {
        index = resuming ? laterIndex(packet, end, index) : -1;
        if (index < 0) return srtpRefusal.authentication;
      }
      if (resuming && known?.window.seen(index)) return srtpRefusal.replayed;
      resuming = false;

      let stream = known;
      if (stream === undefined) {
        stream = {
          keystream: createKeystream(rtpCipher, rtp.salt, ssrc),
          window: createReplayWindow(),
          highest: index,
        };
        remember(streams, ssrc, stream);
      }
      stream.window.add(index);
      if (index > stream.highest) stream.highest = index;
      stream.keystream.xor(packet, start, end, index);
      return end;
    },
    unprotectRtcp(packet, length) {
      const end = length - 4 - srtcpTagLength;
      if (length > packet.length || end < rtcpHeaderLength || packet[0]! >> 6 !== 2) return srtpRefusal.malformed;
      const ssrc = read32(packet, 4);
      const word = read32(packet, end);
      const index = word & 0x7fff_ffff;
      const known = rtcpStreams.get(ssrc);
      if (known?.window.seen(index)) return srtpRefusal.replayed;
      const digest = authenticate(rtcp.authKey, packet, end + 4);
      if (!sameTag(digest, packet, end + 4, srtcpTagLength)) return srtpRefusal.authentication;
      let stream = known;
      if (stream === undefined) {
        stream = {
          keystream: createKeystream(rtcpCipher, rtcp.salt, ssrc),
          window: createReplayWindow(),
          highest: index,
        };
        remember(rtcpStreams, ssrc, stream);
      }
      stream.window.add(index);
      if ((word & encryptedFlag) !== 0) stream.keystream.xor(packet, rtcpHeaderLength, end, index);
      return end;
    },
    resume() {
      resuming = true;
    },
  };
};
