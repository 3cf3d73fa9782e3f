import { isIPv6 } from 'node:net';
import { GatewayError } from '../../../core/errors.js';
import type { CodecName } from '../../../domain/calls/ports.js';
import type { SrtpSuite } from '../srtp/suite.js';
import type { Direction, IpAddress, SdpAttribute, SdpMedia, SessionDescription } from './description.js';
import { attributeValue, isUnspecifiedAddress } from './description.js';
import { parseAddress, sdpInvalid } from './parse.js';

/** Our side of a media session, before or between negotiations. */
export type LocalMedia = {
  /** What the peer is told: behind NAT the public address, not the one the socket is bound to. */
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  /** True when RTCP may share the RTP port if the peer wishes (RFC 5761). */
  readonly rtcpMux: boolean;
  /** In order of preference; codecs that the plane does not speak must not be here. */
  readonly codecs: readonly CodecName[];
  /** Whether the peer may describe its silence instead of sending it (RFC 3389). */
  readonly comfortNoise: boolean;
  readonly security: 'none' | 'optional' | 'required';
  /** Packet length we ask for, ms. */
  readonly ptime: number;
  /** What we want; the peer can only take away from it. */
  readonly direction: Direction;
  readonly origin: { readonly sessionId: string; readonly version: number };
  /** What is agreed so far, null at first: payload numbers, keys and the order of media lines must outlive a re-INVITE. */
  readonly previous: NegotiatedMedia | null;
  /** 30 random bytes: SRTP master key and salt. */
  readonly newKey: () => Uint8Array;
};

/** A media line as both sides count it; refused ones keep their place (RFC 3264 section 8). */
export type MediaSlot = { readonly type: string; readonly protocol: string; readonly formats: readonly string[] };

/** What offer and answer agreed on. */
export type NegotiatedMedia = {
  readonly codec: {
    readonly name: CodecName;
    /** The number we send it under, which the peer chose. */
    readonly payloadType: number;
    /** The number the peer sends it under: ours when we offered. Nearly always the same. */
    readonly receivePayloadType: number;
    /** Timestamps a second. */
    readonly clockRate: number;
    /** Packet length the peer wants to receive, ms: 10 to 60 in tens. */
    readonly ptime: number;
  };
  /**
   * Further codecs that the peer may send without asking, because we offered them and its answer lists them (RFC 3264
   * section 6.1); by the number it sends them under. Always empty when we answered: our answers name one codec.
   */
  readonly alternatives: readonly { readonly name: CodecName; readonly receivePayloadType: number }[];
  readonly remote: {
    readonly address: string;
    readonly family: 4 | 6;
    readonly port: number;
    readonly rtcpAddress: string;
    /** Equal to `port` when multiplexed; 0 = none. */
    readonly rtcpPort: number;
  };
  readonly rtcpMux: boolean;
  /** RFC 4733 events; null when the peer does not speak them. */
  readonly telephoneEvent: { readonly payloadType: number; readonly receivePayloadType: number } | null;
  /** The number the peer describes its silence under (RFC 3389); null when that was not agreed on. */
  readonly comfortNoise: number | null;
  /** As we see it: `sendonly` = we may send, the peer does not. */
  readonly direction: Direction;
  /** The peer does not want our audio (hold), by direction or by the address 0.0.0.0. */
  readonly held: boolean;
  readonly srtp: {
    readonly suite: SrtpSuite;
    /** 30 bytes each; our packets are protected with the local key, the peer's with the remote one. */
    readonly localKey: Uint8Array;
    readonly remoteKey: Uint8Array;
  } | null;
  readonly slots: readonly MediaSlot[];
  /** Which of the slots is the audio. */
  readonly audioIndex: number;
};

export const maySend = (direction: Direction): boolean => direction === 'sendrecv' || direction === 'sendonly';
export const mayReceive = (direction: Direction): boolean => direction === 'sendrecv' || direction === 'recvonly';

const directionFrom = (send: boolean, receive: boolean): Direction =>
  send ? (receive ? 'sendrecv' : 'sendonly') : receive ? 'recvonly' : 'inactive';

/** What is left of our wish when the peer wants `theirs`, as it sees it (RFC 3264 section 6.1). */
export const meetDirection = (ours: Direction, theirs: Direction): Direction =>
  directionFrom(maySend(ours) && mayReceive(theirs), mayReceive(ours) && maySend(theirs));

/** The protocols of an audio line that we can carry, and whether they mean SRTP. AVPF is taken without its feedback. */
export const rtpProtocol = (protocol: string): 'plain' | 'secure' | 'dtls' | null => {
  switch (protocol.toUpperCase()) {
    case 'RTP/AVP':
    case 'RTP/AVPF':
      return 'plain';
    case 'RTP/SAVP':
    case 'RTP/SAVPF':
      return 'secure';
    case 'UDP/TLS/RTP/SAVP':
    case 'UDP/TLS/RTP/SAVPF':
      return 'dtls';
    default:
      return null;
  }
};

export const securityMismatch = (sentence: string): GatewayError =>
  new GatewayError('media_security_mismatch', sentence);
export const noCommonCodec = (sentence: string): GatewayError => new GatewayError('no_common_codec', sentence);

export const addressFamily = (address: string): 4 | 6 => (isIPv6(address) ? 6 : 4);

/** Where the peer wants its media. */
export const remoteAddress = (
  description: SessionDescription,
  media: SdpMedia,
  local: LocalMedia,
  rtcpMux: boolean,
): NegotiatedMedia['remote'] => {
  const connection = media.connection ?? description.connection;
  if (connection === null) throw sdpInvalid('The session description has no c= line for its audio.');
  if (connection.family !== addressFamily(local.address)) {
    throw sdpInvalid(
      `The peer's media address is of IPv${connection.family} and ours of IPv${addressFamily(local.address)}.`,
    );
  }
  const rtcp = rtcpMux ? { address: connection.address, port: media.port } : rtcpAddress(media, connection);
  return {
    address: connection.address,
    family: connection.family,
    port: media.port,
    rtcpAddress: rtcp.address,
    rtcpPort: rtcp.port,
  };
};

/** RFC 3605; without `a=rtcp` it is the next port. An unreadable attribute costs reports, not the call. */
const rtcpAddress = (media: SdpMedia, connection: IpAddress): { address: string; port: number } => {
  const next = { address: connection.address, port: media.port < 65_535 ? media.port + 1 : 0 };
  const match = /^(\d{1,5})(?:\s+IN\s+(IP[46])\s+(\S+))?$/i.exec(attributeValue(media.attributes, 'rtcp') ?? '');
  if (match === null || Number(match[1]) > 65_535) return next;
  const port = Number(match[1]);
  if (match[2] === undefined) return { address: connection.address, port };
  try {
    const address = parseAddress(match[2], match[3]!, 0);
    return address.family === connection.family ? { address: address.address, port } : next;
  } catch {
    return next;
  }
};

/** How long the peer wants our packets, ms. */
export const packetTime = (media: SdpMedia, ours: number): number => {
  const wanted = positive(attributeValue(media.attributes, 'ptime'));
  const longest = positive(attributeValue(media.attributes, 'maxptime')) ?? 60;
  const tens = wanted !== null && wanted >= 10 && wanted <= 60 && wanted % 10 === 0 ? wanted : ours;
  return Math.max(10, Math.min(tens, Math.floor(longest / 10) * 10));
};

const positive = (value: string | null | undefined): number | null => {
  const match = /^(\d{1,5})(?:\.\d+)?$/.exec(value ?? '');
  return match === null || Number(match[1]) === 0 ? null : Number(match[1]);
};

/** The peer's direction with the old hold by address folded in. */
export const effectiveDirection = (direction: Direction, address: string): Direction =>
  isUnspecifiedAddress(address) ? directionFrom(maySend(direction), false) : direction;

/** A description of ours with these media sections. */
export const localDescription = (local: LocalMedia, media: readonly SdpMedia[], timing: string): SessionDescription => {
  const family = addressFamily(local.address);
  return {
    origin: {
      username: '-',
      sessionId: local.origin.sessionId,
      sessionVersion: String(local.origin.version),
      address: local.address,
      family,
    },
    sessionName: '-',
    connection: { family, address: local.address },
    timing,
    attributes: [],
    media,
  };
};

/** A line that keeps its place but carries nothing. */
export const refusedMedia = (slot: MediaSlot): SdpMedia => ({
  type: slot.type,
  port: 0,
  protocol: slot.protocol,
  formats: slot.formats,
  connection: null,
  attributes: [],
});

export const slotOf = (media: SdpMedia): MediaSlot => ({
  type: media.type,
  protocol: media.protocol,
  formats: media.formats.slice(0, 1),
});

/** Attributes behind the payload mappings of an audio line of ours. */
export const commonAttributes = (local: LocalMedia, direction: Direction, mux: boolean): SdpAttribute[] => {
  const attributes: SdpAttribute[] = [
    { name: 'ptime', value: String(local.ptime) },
    { name: direction, value: null },
  ];
  if (mux) attributes.push({ name: 'rtcp-mux', value: null });
  if (local.rtcpPort !== local.rtpPort + 1) attributes.push({ name: 'rtcp', value: String(local.rtcpPort) });
  return attributes;
};

/** The rtpmap and fmtp of the events we understand: the digits, `*`, `#`, A to D. */
export const telephoneEventAttributes = (payloadType: number, clockRate: number): SdpAttribute[] => [
  { name: 'rtpmap', value: `${payloadType} telephone-event/${clockRate}` },
  { name: 'fmtp', value: `${payloadType} 0-15` },
];

export const comfortNoiseAttribute = (payloadType: number, clockRate: number): SdpAttribute => ({
  name: 'rtpmap',
  value: `${payloadType} CN/${clockRate}`,
});

export const codecAttribute = (
  payloadType: number,
  codec: { readonly encoding: string; readonly clockRate: number; readonly channels: number },
): SdpAttribute => ({
  name: 'rtpmap',
  value: `${payloadType} ${codec.encoding}/${codec.clockRate}${codec.channels > 1 ? `/${codec.channels}` : ''}`,
});
