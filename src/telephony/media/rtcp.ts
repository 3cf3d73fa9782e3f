/**
 * RTCP (RFC 3550 section 6): sender and receiver reports, CNAME and BYE in compound packets. One goes out every few
 * seconds and leg, so plain objects are cheap enough here.
 */

export type RtcpReportBlock = {
  /** Whom the report is about. */
  readonly ssrc: number;
  /** Lost since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Lost since the beginning; may be negative when packets were duplicated (24 bits, signed). */
  readonly cumulativeLost: number;
  /** Highest sequence number received, the wraps in the upper 16 bits. */
  readonly highestSequence: number;
  /** Interarrival jitter in timestamp units. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report; 0 = none yet. */
  readonly lastSenderReport: number;
  /** Since then, in units of 1/65536 s. */
  readonly delaySinceLastSenderReport: number;
};

export type RtcpSenderInfo = {
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  readonly octetCount: number;
};

export type RtcpPacket =
  | {
      readonly type: 'sender-report';
      readonly ssrc: number;
      readonly sender: RtcpSenderInfo;
      readonly reports: readonly RtcpReportBlock[];
    }
  | { readonly type: 'receiver-report'; readonly ssrc: number; readonly reports: readonly RtcpReportBlock[] }
  | { readonly type: 'description'; readonly chunks: readonly { readonly ssrc: number; readonly cname: string }[] }
  | { readonly type: 'bye'; readonly ssrcs: readonly number[]; readonly reason: string | null };

const senderReport = 200;
const receiverReport = 201;
const sourceDescription = 202;
const goodbye = 203;
const cnameItem = 1;
const reportBlockLength = 24;

/** Seconds from the NTP epoch (1900) to the Unix epoch. */
const ntpEpochOffset = 2_208_988_800;

/** NTP time of a wall-clock time in milliseconds since the Unix epoch. */
export const ntpTime = (epochMs: number): { readonly seconds: number; readonly fraction: number } => {
  const seconds = Math.floor(epochMs / 1000);
  return {
    seconds: (seconds + ntpEpochOffset) >>> 0,
    fraction: Math.floor(((epochMs - seconds * 1000) / 1000) * 4_294_967_296) >>> 0,
  };
};

/** The middle 32 bits of an NTP time: the form in which reports refer to a sender report (RFC 3550 section 4). */
export const ntpMiddle = (time: { readonly seconds: number; readonly fraction: number }): number =>
  (((time.seconds & 0xffff) << 16) | (time.fraction >>> 16)) >>> 0;

/**
 * Round-trip time in milliseconds from a report about us (RFC 3550 section 6.4.1); null when the peer has had no sender
 * report yet or the values cannot be true (negative or over a minute: clocks or packets are wrong).
 *
 * @param arrival middle 32 bits of the NTP time at which the report came
 */
export const roundTripTime = (report: RtcpReportBlock, arrival: number): number | null => {
  if (report.lastSenderReport === 0) return null;
  const units = (arrival - report.lastSenderReport - report.delaySinceLastSenderReport) | 0;
  // The peer rounds its delay to 1/65536 s and its clock may tick coarsely: a little below zero is zero.
  if (units < -656 || units > 60 * 65_536) return null;
  return (Math.max(units, 0) * 1000) / 65_536;
};

const read16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const read32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

const readReports = (bytes: Uint8Array, start: number, count: number): RtcpReportBlock[] => {
  const reports: RtcpReportBlock[] = [];
  for (let at = start, i = 0; i < count; i++, at += reportBlockLength) {
    reports.push({
      ssrc: read32(bytes, at),
      fractionLost: bytes[at + 4]!,
      cumulativeLost: (read32(bytes, at + 4) << 8) >> 8,
      highestSequence: read32(bytes, at + 8),
      jitter: read32(bytes, at + 12),
      lastSenderReport: read32(bytes, at + 16),
      delaySinceLastSenderReport: read32(bytes, at + 20),
    });
  }
  return reports;
};

const utf8 = new TextDecoder();

const readChunks = (
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
): { ssrc: number; cname: string }[] | null => {
  const chunks: { ssrc: number; cname: string }[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 4 > end) return null;
    const ssrc = read32(bytes, at);
    at += 4;
    let cname = '';
    while (at < end && bytes[at] !== 0) {
      if (at + 2 > end) return null;
      const length = bytes[at + 1]!;
      if (at + 2 + length > end) return null;
      if (bytes[at] === cnameItem) cname = utf8.decode(bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    // A chunk ends with one to four zero bytes, up to the next 32-bit boundary.
    at = start + ((at - start + 4) & ~3);
    chunks.push({ ssrc, cname });
  }
  return chunks;
};

/**
 * Reads a compound packet. Packet types we have no use for (APP, feedback) are skipped.
 *
 * @returns null when it is not a valid compound packet (RFC 3550 appendix A.2): nothing of it is then to be used.
 */
export const parseRtcp = (bytes: Uint8Array, length: number): RtcpPacket[] | null => {
  if (length < 8 || length > bytes.length || (length & 3) !== 0) return null;
  const packets: RtcpPacket[] = [];
  for (let at = 0; at < length; ) {
    if (at + 4 > length || bytes[at]! >> 6 !== 2) return null;
    const count = bytes[at]! & 0x1f;
    const type = bytes[at + 1]!;
    if (at === 0 && type !== senderReport && type !== receiverReport) return null;
    const end = at + (read16(bytes, at + 2) + 1) * 4;
    if (end > length) return null;
    let contentEnd = end;
    if ((bytes[at]! & 0x20) !== 0) {
      // Only the last packet of a compound may be padded.
      const padding = bytes[end - 1]!;
      if (end !== length || padding === 0 || padding > end - at - 4) return null;
      contentEnd -= padding;
    }
    const packet = readPacket(bytes, at + 4, contentEnd, type, count);
    if (packet === null) return null;
    if (packet !== 'skip') packets.push(packet);
    at = end;
  }
  return packets;
};

const readPacket = (
  bytes: Uint8Array,
  start: number,
  end: number,
  type: number,
  count: number,
): RtcpPacket | 'skip' | null => {
  switch (type) {
    case senderReport:
      if (start + 24 + count * reportBlockLength > end) return null;
      return {
        type: 'sender-report',
        ssrc: read32(bytes, start),
        sender: {
          ntpSeconds: read32(bytes, start + 4),
          ntpFraction: read32(bytes, start + 8),
          rtpTimestamp: read32(bytes, start + 12),
          packetCount: read32(bytes, start + 16),
          octetCount: read32(bytes, start + 20),
        },
        reports: readReports(bytes, start + 24, count),
      };
    case receiverReport:
      if (start + 4 + count * reportBlockLength > end) return null;
      return {
        type: 'receiver-report',
        ssrc: read32(bytes, start),
        reports: readReports(bytes, start + 4, count),
      };
    case sourceDescription: {
      const chunks = readChunks(bytes, start, end, count);
      return chunks === null ? null : { type: 'description', chunks };
    }
    case goodbye: {
      if (start + count * 4 > end) return null;
      const ssrcs = Array.from({ length: count }, (_, i) => read32(bytes, start + i * 4));
      const at = start + count * 4;
      const length = at < end ? bytes[at]! : 0;
      if (at + 1 + length > end && length > 0) return null;
      return { type: 'bye', ssrcs, reason: length > 0 ? utf8.decode(bytes.subarray(at + 1, at + 1 + length)) : null };
    }
    default:
      return 'skip';
  }
};

const write32 = (out: Uint8Array, at: number, value: number): void => {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
};

const writeReports = (out: Uint8Array, start: number, reports: readonly RtcpReportBlock[]): number => {
  let at = start;
  for (const report of reports) {
    write32(out, at, report.ssrc);
    write32(out, at + 4, report.cumulativeLost & 0xffffff);
    out[at + 4] = report.fractionLost;
    write32(out, at + 8, report.highestSequence);
    write32(out, at + 12, report.jitter);
    write32(out, at + 16, report.lastSenderReport);
    write32(out, at + 20, report.delaySinceLastSenderReport);
    at += reportBlockLength;
  }
  return at;
};

const writeText = (out: Uint8Array, at: number, text: string): number => {
  const bytes = Buffer.from(text, 'utf8').subarray(0, 255);
  out[at] = bytes.length;
  out.set(bytes, at + 1);
  return at + 1 + bytes.length;
};

/**
 * Writes packets, one behind the other, as a compound packet; the first must be a report (RFC 3550 section 6.1).
 *
 * @param out long enough: 500 bytes hold a report, a CNAME and a BYE
 * @returns the length
 */
export const writeRtcp = (out: Uint8Array, packets: readonly RtcpPacket[]): number => {
  let at = 0;
  for (const packet of packets) {
    const start = at;
    let count = 0;
    let type = senderReport;
    at += 4;
    switch (packet.type) {
      case 'sender-report':
        count = packet.reports.length;
        write32(out, at, packet.ssrc);
        write32(out, at + 4, packet.sender.ntpSeconds);
        write32(out, at + 8, packet.sender.ntpFraction);
        write32(out, at + 12, packet.sender.rtpTimestamp);
        write32(out, at + 16, packet.sender.packetCount);
        write32(out, at + 20, packet.sender.octetCount);
        at = writeReports(out, at + 24, packet.reports);
        break;
      case 'receiver-report':
        type = receiverReport;
        count = packet.reports.length;
        write32(out, at, packet.ssrc);
        at = writeReports(out, at + 4, packet.reports);
        break;
      case 'description':
        type = sourceDescription;
        count = packet.chunks.length;
        for (const chunk of packet.chunks) {
          write32(out, at, chunk.ssrc);
          out[at + 4] = cnameItem;
          const end = writeText(out, at + 5, chunk.cname);
          at = start + 4 + ((end - start - 4 + 4) & ~3);
          out.fill(0, end, at);
        }
        break;
      case 'bye':
        type = goodbye;
        count = packet.ssrcs.length;
        for (const ssrc of packet.ssrcs) {
          write32(out, at, ssrc);
          at += 4;
        }
        if (packet.reason !== null) {
          const end = writeText(out, at, packet.reason);
          at = (end + 3) & ~3;
          out.fill(0, end, at);
        }
        break;
    }
    out[start] = 0x80 | count;
    out[start + 1] = type;
    const words = (at - start) / 4 - 1;
    out[start + 2] = words >> 8;
    out[start + 3] = words;
  }
  return at;
};
