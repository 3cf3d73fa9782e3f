import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { GatewayError } from '../../../core/errors.js';
import type { IpAddress, SdpAttribute, SdpMedia, SdpOrigin, SessionDescription } from './description.js';

/**
 * Limits for descriptions from outside. A browser's largest offers are about 8 kB; telephones send under 2 kB.
 * They bound the work that one INVITE can cause.
 */
export const sdpLimits = {
  bytes: 16_384,
  lines: 512,
  lineLength: 2_048,
  media: 16,
  formats: 64,
} as const;

/** Foreign text inside a sentence of ours: quoted, shortened, without control characters. */
export const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

export const sdpInvalid = (sentence: string): GatewayError => new GatewayError('sdp_invalid', sentence);

/**
 * Reads a session description. Unknown line types and attributes are kept or skipped as RFC 8866 asks; what calls
 * depend on must be right. Missing `s=` and `t=` lines are forgiven, since telephones leave them out.
 *
 * @throws GatewayError `sdp_invalid` with one sentence that names the line.
 */
export const parseSdp = (text: string): SessionDescription => {
  if (text.length > sdpLimits.bytes) {
    throw sdpInvalid(
      `The session description is ${text.length} characters long; at most ${sdpLimits.bytes} are accepted.`,
    );
  }
  const lines = splitLines(text);
  if (lines[0] !== 'v=0') {
    throw sdpInvalid(`The session description does not begin with "v=0" but with ${quoted(lines[0] ?? '')}.`);
  }

  let origin: SdpOrigin | null = null;
  let sessionName: string | null = null;
  let connection: IpAddress | null = null;
  let timing: string | null = null;
  const attributes: SdpAttribute[] = [];
  const media: MutableMedia[] = [];

  for (let number = 2; number <= lines.length; number++) {
    const line = lines[number - 1]!;
    const value = line.slice(2);
    if (line.charCodeAt(1) !== 0x3d || !isLowerLetter(line.charCodeAt(0))) {
      throw sdpInvalid(`Line ${number} of the session description is not of the form "x=value": ${quoted(line)}.`);
    }
    const section = media[media.length - 1];
    switch (line.charCodeAt(0)) {
      case 0x6d: // m
        if (media.length === sdpLimits.media) {
          throw sdpInvalid(`The session description has more than ${sdpLimits.media} media sections.`);
        }
        media.push(parseMediaLine(value, number));
        break;
      case 0x61: // a
        (section === undefined ? attributes : section.attributes).push(parseAttribute(value));
        break;
      case 0x63: // c
        if (section === undefined) connection = parseConnection(value, number);
        // Several c= lines in one section are a multicast hierarchy; the first is the one to use.
        else section.connection ??= parseConnection(value, number);
        break;
      case 0x6f: // o
        origin ??= parseOrigin(value, number);
        break;
      case 0x73: // s
        sessionName ??= value;
        break;
      case 0x74: // t
        timing ??= /^\d{1,20} \d{1,20}$/.test(value) ? value : null;
        break;
      default:
        break;
    }
  }

  if (origin === null) throw sdpInvalid('The session description has no o= line.');
  return { origin, sessionName: sessionName ?? '-', connection, timing: timing ?? '0 0', attributes, media };
};

type MutableMedia = {
  type: string;
  port: number;
  protocol: string;
  formats: readonly string[];
  connection: IpAddress | null;
  attributes: SdpAttribute[];
} & SdpMedia;

const isLowerLetter = (code: number): boolean => code >= 0x61 && code <= 0x7a;

const splitLines = (text: string): string[] => {
  const lines = text.split(/\r\n|\n|\r/, sdpLimits.lines + 2);
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  if (lines.length > sdpLimits.lines) {
    throw sdpInvalid(`The session description has more than ${sdpLimits.lines} lines.`);
  }
  lines.forEach((line, index) => {
    if (line.length > sdpLimits.lineLength) {
      throw sdpInvalid(
        `Line ${index + 1} of the session description is longer than ${sdpLimits.lineLength} characters.`,
      );
    }
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) {
      throw sdpInvalid(`Line ${index + 1} of the session description contains a control character.`);
    }
  });
  return lines;
};

const parseAttribute = (value: string): SdpAttribute => {
  const colon = value.indexOf(':');
  // Attribute names are case-sensitive tokens (RFC 8866 section 5.13), yet some telephones write SENDRECV.
  if (colon < 0) return { name: value.trim().toLowerCase(), value: null };
  return { name: value.slice(0, colon).trim().toLowerCase(), value: value.slice(colon + 1).trim() };
};

/** The numbers of an origin only tell descriptions apart, so whatever a telephone writes there is taken as text. */
const longestOriginField = 64;

const parseOrigin = (value: string, line: number): SdpOrigin => {
  const fields = value.trim().split(/ +/);
  const [username, sessionId, sessionVersion, network, type, address] = fields;
  if (
    fields.length !== 6 ||
    network?.toUpperCase() !== 'IN' ||
    (sessionId ?? '').length > longestOriginField ||
    (sessionVersion ?? '').length > longestOriginField
  ) {
    throw sdpInvalid(
      `Line ${line} of the session description is not an origin "o=user id version IN IP4 address": ${quoted(value)}.`,
    );
  }
  return {
    username: username!,
    sessionId: sessionId!,
    sessionVersion: sessionVersion!,
    address: address!,
    family: type?.toUpperCase() === 'IP6' ? 6 : 4,
  };
};

const parseConnection = (value: string, line: number): IpAddress => {
  const fields = value.trim().split(/ +/);
  if (fields.length !== 3 || fields[0]?.toUpperCase() !== 'IN') {
    throw sdpInvalid(
      `Line ${line} of the session description is not a connection "c=IN IP4 address": ${quoted(value)}.`,
    );
  }
  return parseAddress(fields[1]!, fields[2]!, line);
};

/**
 * An address of media. Only unicast literals: a name would need DNS while the caller waits, and media sent to a
 * multicast or broadcast address on a stranger's word would be an amplifier. IPv6 as sockets write it, since sources are
 * compared with it as text.
 */
export const parseAddress = (type: string, address: string, line: number): IpAddress => {
  const upper = type.toUpperCase();
  if (upper === 'IP4' && isIPv4(address)) {
    const first = Number(address.slice(0, address.indexOf('.')));
    if (first >= 224 || (first === 0 && address !== '0.0.0.0')) {
      throw sdpInvalid(`Line ${line} of the session description has no unicast address: ${quoted(address)}.`);
    }
    return { family: 4, address };
  }
  if (upper === 'IP6' && isIPv6(address) && !address.includes('%')) {
    if (/^ff/i.test(address)) {
      throw sdpInvalid(`Line ${line} of the session description has no unicast address: ${quoted(address)}.`);
    }
    return { family: 6, address: new SocketAddress({ address, family: 'ipv6' }).address };
  }
  throw sdpInvalid(
    `Line ${line} of the session description has no IP address but ${quoted(`${type} ${address}`)}; names and multicast are not taken.`,
  );
};

const parseMediaLine = (value: string, line: number): MutableMedia => {
  const fields = value.trim().split(/ +/);
  const [type, portField, protocol] = fields;
  const formats = fields.slice(3);
  const port = /^(\d{1,5})(?:\/\d{1,3})?$/.exec(portField ?? '');
  if (type === undefined || protocol === undefined || port === null || Number(port[1]) > 65_535) {
    throw sdpInvalid(
      `Line ${line} of the session description is not a media line "m=audio port RTP/AVP formats": ${quoted(value)}.`,
    );
  }
  if (formats.length === 0 || formats.length > sdpLimits.formats) {
    throw sdpInvalid(
      `Line ${line} of the session description lists ${formats.length} formats; 1 to ${sdpLimits.formats} are accepted.`,
    );
  }
  return { type: type.toLowerCase(), port: Number(port[1]), protocol, formats, connection: null, attributes: [] };
};
