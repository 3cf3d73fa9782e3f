import { isGatewayError } from '../../../core/errors.js';
import type { CodecName } from '../../../domain/calls/ports.js';
import type { AgreedMedia } from '../../../domain/calls/relay-ports.js';
import { type CryptoAttribute, formatCrypto, parseCrypto } from '../sdp/crypto-attribute.js';
import {
  attributeValue,
  attributeValues,
  directionOf,
  type IpAddress,
  isUnspecifiedAddress,
  type SdpAttribute,
  type SdpMedia,
  type SessionDescription,
} from '../sdp/description.js';
import { formatSdp } from '../sdp/format.js';
import { rtpProtocol } from '../sdp/negotiation.js';
import { parseSdp } from '../sdp/parse.js';
import {
  audioCodecs,
  findCodec,
  findTelephoneEvent,
  type PayloadMapping,
  payloadMappings,
} from '../sdp/payload-types.js';

/** One side of a relayed call: where it wants its media, and what of its description a relay has to know. */
export type Party = {
  readonly address: IpAddress;
  readonly port: number;
  /** Where its reports go, when that is not the next port. */
  readonly rtcpPort: number | null;
  /** In its order of preference. */
  readonly codecs: readonly PayloadMapping[];
  readonly events: number | null;
  /** ms; null where it says nothing. */
  readonly ptime: number | null;
  /** The key it sends with; null: plain RTP. */
  readonly crypto: CryptoAttribute | null;
};

const rtpPort = (value: string | null | undefined): number | null => {
  const port = /^\d{1,5}$/.test(value ?? '') ? Number(value) : 0;
  return port > 0 && port <= 65_535 ? port : null;
};

const audioIndexOf = ({ media }: SessionDescription): number =>
  media.findIndex(({ type, port }) => type === 'audio' && port !== 0);

/** The crypto lines we can read, in their order. */
const cryptosOf = (media: SdpMedia): CryptoAttribute[] =>
  attributeValues(media.attributes, 'crypto').flatMap((value) => {
    const crypto = parseCrypto(value);
    return 'refused' in crypto ? [] : [crypto];
  });

const partyIn = (
  theirs: SessionDescription,
  media: SdpMedia,
  ours: SdpMedia,
  codecs: readonly CodecName[],
): Party | string => {
  const address = media.connection ?? theirs.connection;
  if (address === null) return 'has no address';
  if (directionOf(theirs, media) !== 'sendrecv' || isUnspecifiedAddress(address.address)) return 'is on hold';
  const protocol = rtpProtocol(media.protocol);
  if (protocol === null || protocol === 'dtls') return 'speaks neither RTP nor SRTP with SDES';
  // The line that is in use: an answer has one, and an offer the one our answer took.
  const tags = new Set(cryptosOf(ours).map(({ tag }) => tag));
  const crypto = cryptosOf(media).find(({ tag }) => tags.has(tag)) ?? null;
  if (protocol === 'secure' && crypto === null) return 'has no key that can be used';
  const mappings = payloadMappings(media);
  const known = mappings.filter((mapping) => codecs.some((name) => findCodec([mapping], audioCodecs[name]) !== null));
  return {
    ...{ address, codecs: known, crypto },
    port: media.port,
    rtcpPort: rtpPort(attributeValue(media.attributes, 'rtcp')),
    events: findTelephoneEvent(mappings, known[0]?.clockRate ?? 8_000),
    ptime: rtpPort(attributeValue(media.attributes, 'ptime')),
  };
};

/**
 * What a relay has to know of a peer; a text says why there is nothing it could do for it. `codecs` are those the
 * gateway would speak with it.
 */
export const readParty = (agreed: AgreedMedia, codecs: readonly CodecName[]): Party | string => {
  try {
    const ours = parseSdp(agreed.ours);
    const theirs = parseSdp(agreed.theirs);
    const index = audioIndexOf(ours);
    const media = theirs.media[index];
    const own = ours.media[index];
    if (media === undefined || own === undefined || media.type !== 'audio' || media.port === 0) return 'has no audio';
    return partyIn(theirs, media, own, codecs);
  } catch (error) {
    if (isGatewayError(error)) return 'has no description that can be read';
    throw error;
  }
};

export const sameCodec = (a: PayloadMapping, b: PayloadMapping): boolean =>
  a.encoding === b.encoding && a.clockRate === b.clockRate && a.channels === b.channels;

/** The party with no other codecs than the other one knows too. */
export const commonCodecs = (party: Party, other: Party): Party => ({
  ...party,
  codecs: party.codecs.filter((codec) => other.codecs.some((known) => sameCodec(codec, known))),
});

const rtpmap = (number: number, encoding: string, clockRate: number, channels: number): SdpAttribute => ({
  name: 'rtpmap',
  value: `${number} ${encoding.toUpperCase()}/${clockRate}${channels > 1 ? `/${channels}` : ''}`,
});

/**
 * The party's description for a relay: nothing but its audio, so that neither video nor candidates nor whatever else a
 * peer may write passes to the other one. `version` counts its changes.
 */
export const partySdp = (party: Party, version: number): string => {
  const { address, codecs, events } = party;
  const attributes: SdpAttribute[] = codecs.map(({ payloadType, encoding, clockRate, channels }) =>
    rtpmap(payloadType, encoding, clockRate, channels),
  );
  if (events !== null) {
    attributes.push(
      { name: 'rtpmap', value: `${events} telephone-event/${codecs[0]?.clockRate ?? 8_000}` },
      { name: 'fmtp', value: `${events} 0-15` },
    );
  }
  if (party.ptime !== null) attributes.push({ name: 'ptime', value: String(party.ptime) });
  attributes.push({ name: 'sendrecv', value: null });
  if (party.rtcpPort !== null) attributes.push({ name: 'rtcp', value: String(party.rtcpPort) });
  if (party.crypto !== null) attributes.push({ name: 'crypto', value: formatCrypto(party.crypto) });
  const formats = [...codecs.map(({ payloadType }) => payloadType), ...(events === null ? [] : [events])];
  return formatSdp({
    origin: { username: '-', sessionId: '1', sessionVersion: String(version), ...address },
    sessionName: '-',
    connection: address,
    timing: '0 0',
    attributes: [],
    media: [
      {
        type: 'audio',
        port: party.port,
        protocol: party.crypto === null ? 'RTP/AVP' : 'RTP/SAVP',
        formats: formats.map(String),
        connection: null,
        attributes,
      },
    ],
  });
};

/** Attributes of a relay's description that a peer is told; the rest (candidates, identifiers) is the relay's own. */
const told = new Set(['rtpmap', 'fmtp', 'ptime', 'sendrecv', 'rtcp', 'crypto']);

/**
 * What a peer is told when a relay takes our place: our own description of before, so that neither its origin nor the
 * order of its lines changes (RFC 3264 section 8), with the relay's audio. Throws GatewayError sdp_invalid when the
 * relay's text is none or has no audio.
 */
export const inOurPlace = (ours: string, relays: string): string => {
  const description = parseSdp(ours);
  const relay = parseSdp(relays);
  const audio = relay.media[audioIndexOf(relay)];
  const connection = audio?.connection ?? relay.connection;
  const index = audioIndexOf(description);
  if (audio === undefined || connection === null) throw new SyntaxError('The relay gave a description without audio.');
  return formatSdp({
    ...description,
    connection,
    media: description.media.map((media, at) => {
      if (at !== index) return media;
      return {
        ...media,
        port: audio.port,
        formats: audio.formats,
        connection: null,
        attributes: audio.attributes.filter(
          ({ name, value }) => told.has(name) && (name !== 'crypto' || !('refused' in parseCrypto(value ?? ''))),
        ),
      };
    }),
  });
};
