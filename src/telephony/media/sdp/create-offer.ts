import type { CodecName } from '../../../domain/calls/ports.js';
import { srtpSuites } from '../srtp/suite.js';
import type { CryptoAttribute } from './crypto-attribute.js';
import { formatCrypto, parseCrypto } from './crypto-attribute.js';
import type { Direction, SdpAttribute, SdpMedia } from './description.js';
import { attributeValue, attributeValues, directionOf } from './description.js';
import { formatSdp } from './format.js';
import type { LocalMedia, MediaSlot, NegotiatedMedia } from './negotiation.js';
import {
  codecAttribute,
  comfortNoiseAttribute,
  commonAttributes,
  effectiveDirection,
  localDescription,
  mayReceive,
  meetDirection,
  noCommonCodec,
  packetTime,
  refusedMedia,
  remoteAddress,
  rtpProtocol,
  securityMismatch,
  slotOf,
  telephoneEventAttributes,
} from './negotiation.js';
import { parseSdp, quoted, sdpInvalid } from './parse.js';
import type { PayloadMapping } from './payload-types.js';
import {
  audioCodecs,
  comfortNoisePayloadType,
  describeFormats,
  findCodec,
  findComfortNoise,
  findTelephoneEvent,
  listNames,
  payloadMappings,
} from './payload-types.js';

/** An offer of ours on its way; the answer is read against it. */
export type SentOffer = {
  readonly sdp: string;
  readonly codecs: readonly { readonly name: CodecName; readonly payloadType: number }[];
  /** Number of RFC 4733 events by clock rate. */
  readonly telephoneEvents: ReadonlyMap<number, number>;
  /** Number of comfort noise at 8 kHz; null when it is not offered. */
  readonly comfortNoise: number | null;
  readonly cryptos: readonly CryptoAttribute[];
  readonly protocol: string;
  readonly direction: Direction;
  readonly slots: readonly MediaSlot[];
  readonly audioIndex: number;
};

const firstDynamicPayloadType = 96;
const telephoneEventPayloadType = 101;

/**
 * Makes an offer (RFC 3264 sections 5 and 8): all our codecs, the one in use first. `security: optional` offers RTP/AVP
 * with crypto lines (RFC 8643), which a peer without SRTP simply ignores.
 */
export const createOffer = (local: LocalMedia): SentOffer => {
  const { previous } = local;
  const codecs = offeredCodecs(local);
  const used = new Set(codecs.map(({ payloadType }) => payloadType));
  const telephoneEvents = new Map<number, number>();
  for (const { name } of codecs) {
    const { clockRate } = audioCodecs[name];
    if (telephoneEvents.has(clockRate)) continue;
    const before = previous?.codec.clockRate === clockRate ? previous.telephoneEvent?.receivePayloadType : undefined;
    const payloadType = freePayloadType(before ?? telephoneEventPayloadType, used);
    used.add(payloadType);
    telephoneEvents.set(clockRate, payloadType);
  }
  const comfortNoise = offersNoise(local) ? (previous?.comfortNoise ?? comfortNoisePayloadType) : null;
  const cryptos = offeredCryptos(local);
  const protocol = offeredProtocol(local);

  const attributes: SdpAttribute[] = codecs.map(({ name, payloadType }) =>
    codecAttribute(payloadType, audioCodecs[name]),
  );
  for (const [clockRate, payloadType] of telephoneEvents) {
    attributes.push(...telephoneEventAttributes(payloadType, clockRate));
  }
  if (comfortNoise !== null) attributes.push(comfortNoiseAttribute(comfortNoise, noiseClockRate));
  attributes.push(...commonAttributes(local, local.direction, local.rtcpMux));
  for (const crypto of cryptos) attributes.push({ name: 'crypto', value: formatCrypto(crypto) });

  const audio: SdpMedia = {
    type: 'audio',
    port: local.rtpPort,
    protocol,
    formats: [
      ...codecs.map(({ payloadType }) => payloadType),
      ...telephoneEvents.values(),
      ...(comfortNoise === null ? [] : [comfortNoise]),
    ].map(String),
    connection: null,
    attributes,
  };
  const audioIndex = previous?.audioIndex ?? 0;
  const media =
    previous === null
      ? [audio]
      : previous.slots.map((slot, index) => (index === audioIndex ? audio : refusedMedia(slot)));
  return {
    sdp: formatSdp(localDescription(local, media, '0 0')),
    codecs,
    telephoneEvents,
    comfortNoise,
    cryptos,
    protocol,
    direction: local.direction,
    slots: media.map(slotOf),
    audioIndex,
  };
};

/** Opus has its own way to be silent. */
const noiseClockRate = 8_000;
const offersNoise = ({ comfortNoise, codecs }: LocalMedia): boolean =>
  comfortNoise && codecs.some((name) => audioCodecs[name].clockRate === noiseClockRate);

/** A payload number keeps its meaning for the whole session (RFC 3264 section 8.3.2). */
const offeredCodecs = (local: LocalMedia): { name: CodecName; payloadType: number }[] => {
  const current = local.previous?.codec;
  const offered: { name: CodecName; payloadType: number }[] = [];
  const used = new Set<number>();
  if (current !== undefined && local.codecs.includes(current.name)) {
    offered.push({ name: current.name, payloadType: current.receivePayloadType });
    used.add(current.receivePayloadType);
  }
  const events = local.previous?.telephoneEvent;
  if (events) used.add(events.receivePayloadType);
  const noise = local.previous?.comfortNoise;
  if (typeof noise === 'number') used.add(noise);
  for (const name of local.codecs) {
    if (name === current?.name) continue;
    const payloadType = freePayloadType(audioCodecs[name].payloadType, used);
    used.add(payloadType);
    offered.push({ name, payloadType });
  }
  return offered;
};

const freePayloadType = (wanted: number, used: ReadonlySet<number>): number => {
  if (!used.has(wanted)) return wanted;
  let candidate = firstDynamicPayloadType;
  while (used.has(candidate)) candidate++;
  return candidate;
};

const offeredProtocol = ({ security, previous }: LocalMedia): string => {
  // A re-offer repeats the protocol in use: changing it would ask the peer for another kind of stream.
  const before = previous?.slots[previous.audioIndex]?.protocol;
  if (before !== undefined && rtpProtocol(before) !== null) return before;
  return security === 'required' ? 'RTP/SAVP' : 'RTP/AVP';
};

const offeredCryptos = ({ security, previous, newKey }: LocalMedia): CryptoAttribute[] => {
  if (security === 'none') return [];
  if (previous?.srtp) return [{ tag: 1, suite: previous.srtp.suite, key: previous.srtp.localKey }];
  if (previous !== null) return [];
  return srtpSuites.map((suite, index) => ({ tag: index + 1, suite, key: newKey() }));
};

/**
 * Reads the answer to an offer of ours.
 *
 * @throws GatewayError sdp_invalid, no_common_codec, media_security_mismatch
 */
export const acceptAnswer = (local: LocalMedia, offer: SentOffer, answer: string): NegotiatedMedia => {
  const description = parseSdp(answer);
  const media = description.media[offer.audioIndex];
  if (media === undefined || media.type !== 'audio') {
    throw sdpInvalid('The answer has no audio line at the place of the one in our offer.');
  }
  if (media.port === 0) {
    throw noCommonCodec(`The peer refused our audio; we offered ${listNames(offer.codecs.map(({ name }) => name))}.`);
  }
  const mappings = payloadMappings(media);
  const [codec, ...others] = answeredCodecs(offer, media, mappings);
  const { clockRate } = audioCodecs[codec.name];
  const srtp = answeredCrypto(local, offer, media);
  const mux = local.rtcpMux && attributeValue(media.attributes, 'rtcp-mux') !== undefined;
  const remote = remoteAddress(description, media, local, mux);
  const theirs = effectiveDirection(directionOf(description, media), remote.address);
  const theirEvents = findTelephoneEvent(mappings, clockRate);
  const ourEvents = offer.telephoneEvents.get(clockRate);
  return {
    codec: { ...codec, clockRate, ptime: packetTime(media, local.ptime) },
    alternatives: others.map(({ name, receivePayloadType }) => ({ name, receivePayloadType })),
    remote,
    rtcpMux: mux,
    telephoneEvent:
      theirEvents === null || ourEvents === undefined
        ? null
        : { payloadType: theirEvents, receivePayloadType: ourEvents },
    comfortNoise:
      offer.comfortNoise !== null && findComfortNoise(mappings, clockRate) !== null ? offer.comfortNoise : null,
    direction: meetDirection(offer.direction, theirs),
    held: !mayReceive(theirs),
    srtp,
    slots: offer.slots,
    audioIndex: offer.audioIndex,
  };
};

type AnsweredCodec = {
  readonly name: CodecName;
  readonly payloadType: number;
  readonly receivePayloadType: number;
};

/** The formats of the answer that we offered, the peer's preference first (RFC 3264 section 6.1). */
const answeredCodecs = (
  offer: SentOffer,
  media: SdpMedia,
  mappings: readonly PayloadMapping[],
): [AnsweredCodec, ...AnsweredCodec[]] => {
  const answered = mappings.flatMap((mapping): AnsweredCodec[] => {
    const match = offer.codecs.find(({ name }) => findCodec([mapping], audioCodecs[name]) !== null);
    if (match === undefined) return [];
    return [{ name: match.name, payloadType: mapping.payloadType, receivePayloadType: match.payloadType }];
  });
  const [first, ...others] = answered;
  if (first === undefined) {
    throw noCommonCodec(
      `The answer has ${describeFormats(media)} and we offered ${listNames(offer.codecs.map(({ name }) => name))}.`,
    );
  }
  return [first, ...others];
};

/**
 * A crypto line that fits ours makes the stream secure, whichever of RTP/AVP and RTP/SAVP stands beside it: some peers
 * answer an offer of RTP/AVP with keys (RFC 8643) by RTP/SAVP.
 */
const answeredCrypto = (local: LocalMedia, offer: SentOffer, media: SdpMedia): NegotiatedMedia['srtp'] => {
  const protocol = rtpProtocol(media.protocol);
  const values = attributeValues(media.attributes, 'crypto');
  if (protocol === null || protocol === 'dtls' || (protocol === 'secure' && offer.cryptos.length === 0)) {
    throw securityMismatch(`We offered ${offer.protocol} and the answer has ${quoted(media.protocol)}.`);
  }
  if (values.length === 0) {
    const isPlain = protocol === 'plain' && rtpProtocol(offer.protocol) === 'plain';
    if (isPlain && local.security !== 'required') return null;
    throw securityMismatch(
      `We offered ${offer.protocol} with SRTP keys and the answer has ${media.protocol} without a crypto line.`,
    );
  }
  if (offer.cryptos.length === 0) return null;
  const crypto = parseCrypto(values[0]!);
  if ('refused' in crypto)
    throw securityMismatch(`The answer's crypto line has ${crypto.refused}, which we did not offer.`);
  const ours = offer.cryptos.find(({ tag, suite }) => tag === crypto.tag && suite === crypto.suite);
  if (ours === undefined) {
    throw securityMismatch(
      `The answer's crypto line (tag ${crypto.tag}, ${crypto.suite}) is none of those we offered.`,
    );
  }
  return { suite: ours.suite, localKey: ours.key, remoteKey: crypto.key };
};
