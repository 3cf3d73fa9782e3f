/**
 * RTP packets (RFC 3550 section 5.1), read and written in place: at 50 packets a second and leg, one object a packet
 * would be most of the garbage of the process.
 */

/** What a packet's header says. One object is reused for all packets of a socket. */
export type RtpHeader = {
  payloadType: number;
  marker: boolean;
  /** 0-65535. */
  sequence: number;
  /** 0 to 2^32-1. */
  timestamp: number;
  ssrc: number;
  /** Where the payload begins and ends in the packet; padding is left out. */
  payloadStart: number;
  payloadEnd: number;
};

export const newRtpHeader = (): RtpHeader => ({
  payloadType: 0,
  marker: false,
  sequence: 0,
  timestamp: 0,
  ssrc: 0,
  payloadStart: 0,
  payloadEnd: 0,
});

/** Length of a header without CSRC list and extension, which is what we send. */
export const rtpHeaderLength = 12;

/**
 * Reads the header of the packet in `bytes[0..length)` into `into`.
 *
 * @returns false when it is no RTP packet of version 2: too short, RTCP (RFC 5761 section 4), or CSRC list, extension
 * or padding that reach over its end. `into` is then undefined.
 */
export const parseRtp = (bytes: Uint8Array, length: number, into: RtpHeader): boolean => {
  if (length < rtpHeaderLength || length > bytes.length) return false;
  const first = bytes[0]!;
  if (first >> 6 !== 2) return false;
  const second = bytes[1]!;
  // 192-223 in the second byte is RTCP sharing the port: as RTP it would be payload types 64-95 with the marker set.
  if (second >= 192 && second <= 223) return false;

  let start = rtpHeaderLength + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (start + 4 > length) return false;
    start += 4 + (((bytes[start + 2]! << 8) | bytes[start + 3]!) << 2);
  }
  let end = length;
  if ((first & 0x20) !== 0) {
    const padding = bytes[length - 1]!;
    if (padding === 0) return false;
    end -= padding;
  }
  if (start > end) return false;

  into.marker = (second & 0x80) !== 0;
  into.payloadType = second & 0x7f;
  into.sequence = (bytes[2]! << 8) | bytes[3]!;
  into.timestamp = ((bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!) >>> 0;
  into.ssrc = ((bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!) >>> 0;
  into.payloadStart = start;
  into.payloadEnd = end;
  return true;
};

/** True for an RTCP packet on a port that RTP shares (RFC 5761 section 4). */
export const isRtcp = (bytes: Uint8Array, length: number): boolean =>
  length >= 8 && bytes[0]! >> 6 === 2 && bytes[1]! >= 192 && bytes[1]! <= 223;

/** Writes a header of 12 bytes at the beginning of `out`; the payload belongs behind it. */
export const writeRtpHeader = (
  out: Uint8Array,
  payloadType: number,
  marker: boolean,
  sequence: number,
  timestamp: number,
  ssrc: number,
): void => {
  out[0] = 0x80;
  out[1] = marker ? payloadType | 0x80 : payloadType;
  out[2] = sequence >> 8;
  out[3] = sequence;
  out[4] = timestamp >>> 24;
  out[5] = timestamp >>> 16;
  out[6] = timestamp >>> 8;
  out[7] = timestamp;
  out[8] = ssrc >>> 24;
  out[9] = ssrc >>> 16;
  out[10] = ssrc >>> 8;
  out[11] = ssrc;
};

/** `a - b` of two sequence numbers as a signed distance in -32768…32767 (RFC 1982). */
export const sequenceDistance = (a: number, b: number): number => ((a - b) << 16) >> 16;

/** `a - b` of two timestamps as a signed distance of 32 bits. */
export const timestampDistance = (a: number, b: number): number => (a - b) | 0;
