import type { CodecName } from '../../../domain/calls/ports.js';
import type { SdpMedia } from './description.js';
import { attributeValues } from './description.js';

export type AudioCodec = {
  readonly name: CodecName;
  /** As in `a=rtpmap`; compared without regard to case (RFC 8866 section 6.6). */
  readonly encoding: string;
  /** The rate of the timestamps. G.722 says 8000 though it samples at 16000 (RFC 3551 section 4.5.2). */
  readonly clockRate: number;
  readonly channels: number;
  /** The number we offer it under: RFC 3551 table 4, or from the dynamic range. */
  readonly payloadType: number;
};

export const audioCodecs: Readonly<Record<CodecName, AudioCodec>> = {
  PCMU: { name: 'PCMU', encoding: 'PCMU', clockRate: 8000, channels: 1, payloadType: 0 },
  PCMA: { name: 'PCMA', encoding: 'PCMA', clockRate: 8000, channels: 1, payloadType: 8 },
  G722: { name: 'G722', encoding: 'G722', clockRate: 8000, channels: 1, payloadType: 9 },
  opus: { name: 'opus', encoding: 'opus', clockRate: 48_000, channels: 2, payloadType: 107 },
};

/** Comfort noise at 8 kHz (RFC 3551 table 4); at other rates it has a number of the dynamic range. */
export const comfortNoisePayloadType = 13;

/** Payload numbers that need no rtpmap (RFC 3551 table 4), of those we know. */
const staticEncodings: ReadonlyMap<number, string> = new Map([
  [0, 'PCMU/8000/1'],
  [8, 'PCMA/8000/1'],
  [9, 'G722/8000/1'],
  [comfortNoisePayloadType, 'CN/8000/1'],
]);

export type PayloadMapping = {
  readonly payloadType: number;
  /** Lower case. */
  readonly encoding: string;
  readonly clockRate: number;
  readonly channels: number;
};

/** What each format of an RTP media line is, in the order of the line; formats without meaning are left out. */
export const payloadMappings = (media: SdpMedia): PayloadMapping[] => {
  const described = new Map<number, string>();
  for (const value of attributeValues(media.attributes, 'rtpmap')) {
    const match = /^(\d{1,3})\s+(\S+)$/.exec(value);
    if (match !== null) described.set(Number(match[1]), match[2]!);
  }
  const mappings: PayloadMapping[] = [];
  for (const format of media.formats) {
    if (!/^\d{1,3}$/.test(format)) continue;
    const payloadType = Number(format);
    // 64-95 cannot be told from RTCP when both share a port (RFC 5761 section 4).
    if (payloadType > 127 || (payloadType >= 64 && payloadType <= 95)) continue;
    const text = described.get(payloadType) ?? staticEncodings.get(payloadType);
    const match = /^([^/]+)\/(\d{1,6})(?:\/(\d{1,2}))?$/.exec(text ?? '');
    if (match === null) continue;
    mappings.push({
      payloadType,
      encoding: match[1]!.toLowerCase(),
      clockRate: Number(match[2]),
      channels: Number(match[3] ?? 1),
    });
  }
  return mappings;
};

/** The first mapping that is this codec. */
export const findCodec = (mappings: readonly PayloadMapping[], codec: AudioCodec): PayloadMapping | null =>
  mappings.find(
    (mapping) =>
      mapping.encoding === codec.encoding.toLowerCase() &&
      mapping.clockRate === codec.clockRate &&
      mapping.channels === codec.channels,
  ) ?? null;

/** The number of RFC 4733 events at that clock rate: a telephone-event at another rate could not share the timestamps. */
export const findTelephoneEvent = (mappings: readonly PayloadMapping[], clockRate: number): number | null =>
  mappings.find((mapping) => mapping.encoding === 'telephone-event' && mapping.clockRate === clockRate)?.payloadType ??
  null;

/** The number of comfort noise at that clock rate (RFC 3389 section 5.1), for the same reason. */
export const findComfortNoise = (mappings: readonly PayloadMapping[], clockRate: number): number | null =>
  mappings.find((mapping) => mapping.encoding === 'cn' && mapping.clockRate === clockRate)?.payloadType ?? null;

/** Names for a sentence: `PCMU, PCMA and G729`. */
export const listNames = (names: readonly string[]): string => {
  if (names.length === 0) return 'none';
  if (names.length === 1) return names[0]!;
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
};

/** The audio formats of a media line for a sentence, at most eight of them. */
export const describeFormats = (media: SdpMedia): string => {
  const mappings = payloadMappings(media);
  const names = media.formats.slice(0, 8).map((format) => {
    const mapping = mappings.find((candidate) => String(candidate.payloadType) === format);
    return mapping === undefined ? `format ${format.slice(0, 8)}` : mapping.encoding.toUpperCase().slice(0, 20);
  });
  return listNames(names.filter((name) => name !== 'TELEPHONE-EVENT' && name !== 'CN'));
};
