import type { CodecName } from '../../../domain/calls/ports.js';
import type { CryptoAttribute } from './crypto-attribute.js';
import { formatCrypto, parseCrypto } from './crypto-attribute.js';
import type { SdpAttribute, SdpMedia, SessionDescription } from './description.js';
import { attributeValue, attributeValues, directionOf } from './description.js';
import { formatSdp } from './format.js';
import type { LocalMedia, NegotiatedMedia } from './negotiation.js';
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
import type { AudioCodec } from './payload-types.js';
import {
  audioCodecs,
  describeFormats,
  findCodec,
  findComfortNoise,
  findTelephoneEvent,
  listNames,
  payloadMappings,
} from './payload-types.js';

/**
 * Answers an offer (RFC 3264 section 6). One audio line is taken with one codec, the first of ours that the peer has
 * (in a re-INVITE: the one in use, if it is still offered); all other lines are refused with port 0.
 *
 * @throws GatewayError sdp_invalid, no_common_codec, media_security_mismatch
 */
export const answerOffer = (
  local: LocalMedia,
  offer: string,
): { readonly sdp: string; readonly negotiated: NegotiatedMedia } => {
  const description = parseSdp(offer);
  const audioIndex = chooseAudio(local, description);
  const media = description.media[audioIndex]!;
  const { codec, payloadType } = chooseCodec(local, media);
  const srtp = answerCrypto(local, media);
  const mux = local.rtcpMux && attributeValue(media.attributes, 'rtcp-mux') !== undefined;
  const remote = remoteAddress(description, media, local, mux);
  const theirs = effectiveDirection(directionOf(description, media), remote.address);
  const direction = meetDirection(local.direction, theirs);
  const mappings = payloadMappings(media);
  const eventPayloadType = findTelephoneEvent(mappings, codec.clockRate);
  const noisePayloadType = local.comfortNoise ? findComfortNoise(mappings, codec.clockRate) : null;

  const slots = description.media.map(slotOf);
  const negotiated: NegotiatedMedia = {
    codec: {
      name: codec.name,
      payloadType,
      receivePayloadType: payloadType,
      clockRate: codec.clockRate,
      ptime: packetTime(media, local.ptime),
    },
    alternatives: [],
    remote,
    rtcpMux: mux,
    telephoneEvent:
      eventPayloadType === null ? null : { payloadType: eventPayloadType, receivePayloadType: eventPayloadType },
    comfortNoise: noisePayloadType,
    direction,
    held: !mayReceive(theirs),
    srtp: srtp?.negotiated ?? null,
    slots,
    audioIndex,
  };

  const attributes: SdpAttribute[] = [codecAttribute(payloadType, codec)];
  const formats = [String(payloadType)];
  if (eventPayloadType !== null) {
    attributes.push(...telephoneEventAttributes(eventPayloadType, codec.clockRate));
    formats.push(String(eventPayloadType));
  }
  if (noisePayloadType !== null) {
    attributes.push(comfortNoiseAttribute(noisePayloadType, codec.clockRate));
    formats.push(String(noisePayloadType));
  }
  attributes.push(...commonAttributes(local, direction, mux));
  if (srtp !== null) attributes.push({ name: 'crypto', value: formatCrypto(srtp.answer) });
  const answered = slots.map(
    (slot, index): SdpMedia =>
      index === audioIndex
        ? { type: 'audio', port: local.rtpPort, protocol: media.protocol, formats, connection: null, attributes }
        : refusedMedia(slot),
  );
  return { sdp: formatSdp(localDescription(local, answered, description.timing)), negotiated };
};

/** Which of the offered lines to take: a peer may offer secure and plain audio as alternatives in two lines. */
const chooseAudio = (local: LocalMedia, description: SessionDescription): number => {
  const offered = description.media
    .map((media, index) => ({ media, index }))
    .filter(({ media }) => media.type === 'audio' && media.port !== 0);
  if (offered.length === 0) {
    const types = description.media.map((media) => (media.port === 0 ? `${media.type} with port 0` : media.type));
    throw sdpInvalid(`The offer has no audio but ${listNames(types.slice(0, 4).map((type) => type.slice(0, 24)))}.`);
  }
  const usable = offered.filter(({ media }) => {
    const protocol = rtpProtocol(media.protocol);
    return protocol === 'plain' || (protocol === 'secure' && local.security !== 'none');
  });
  if (usable.length === 0) throw protocolRefusal(offered[0]!.media);
  const preferred = usable.find(({ media }) => isSecurable(media)) ?? usable[0]!;
  return local.security === 'none' ? usable[0]!.index : preferred.index;
};

const protocolRefusal = (media: SdpMedia): Error => {
  switch (rtpProtocol(media.protocol)) {
    case 'secure':
      return securityMismatch(
        `The offer asks for secure media (${media.protocol}) and the profile allows plain RTP only.`,
      );
    case 'dtls':
      return securityMismatch(
        'The offer asks for DTLS-SRTP and this side speaks SRTP with SDES keys (RFC 4568) or RTP.',
      );
    default:
      return sdpInvalid(
        `The offer asks for audio by ${quoted(media.protocol)} and this side speaks RTP/AVP and RTP/SAVP.`,
      );
  }
};

const isSecurable = (media: SdpMedia): boolean =>
  rtpProtocol(media.protocol) === 'secure' || attributeValues(media.attributes, 'crypto').length > 0;

const chooseCodec = (local: LocalMedia, media: SdpMedia): { codec: AudioCodec; payloadType: number } => {
  const mappings = payloadMappings(media);
  const current = local.previous?.codec.name;
  const order: CodecName[] =
    current !== undefined && local.codecs.includes(current)
      ? [current, ...local.codecs.filter((name) => name !== current)]
      : [...local.codecs];
  for (const name of order) {
    const codec = audioCodecs[name];
    const found = findCodec(mappings, codec);
    if (found !== null) return { codec, payloadType: found.payloadType };
  }
  throw noCommonCodec(`The offer has ${describeFormats(media)} and the profile allows ${listNames(local.codecs)}.`);
};

/** Chooses the first crypto line we can use and makes ours with its tag (RFC 4568 section 5.1.2). */
const answerCrypto = (
  local: LocalMedia,
  media: SdpMedia,
): { answer: CryptoAttribute; negotiated: NonNullable<NegotiatedMedia['srtp']> } | null => {
  if (local.security === 'none') return null;
  const secure = rtpProtocol(media.protocol) === 'secure';
  const refused: string[] = [];
  for (const value of attributeValues(media.attributes, 'crypto')) {
    const crypto = parseCrypto(value);
    if ('refused' in crypto) {
      refused.push(crypto.refused);
      continue;
    }
    const before = local.previous?.srtp;
    // The same key as before keeps the packet counter running; a new one would make late packets unreadable.
    const localKey = before?.suite === crypto.suite ? before.localKey : local.newKey();
    return {
      answer: { tag: crypto.tag, suite: crypto.suite, key: localKey },
      negotiated: { suite: crypto.suite, localKey, remoteKey: crypto.key },
    };
  }
  // RTP/AVP with crypto lines that we cannot use is still RTP/AVP: opportunistic SRTP (RFC 8643) falls back to plain.
  if (!secure && local.security === 'optional') return null;
  if (!secure && refused.length === 0) {
    throw securityMismatch(`The offer has no secure media (${media.protocol}) and the profile requires SRTP.`);
  }
  throw securityMismatch(
    refused.length === 0
      ? `The offer asks for ${media.protocol} without a crypto line (RFC 4568), which this side needs for the keys.`
      : `The offer has crypto lines with ${listNames(refused.slice(0, 4))} and this side speaks AES_CM_128_HMAC_SHA1_80 and _32 without MKI.`,
  );
};
