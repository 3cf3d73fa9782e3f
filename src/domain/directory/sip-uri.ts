import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { foreignHeaderFault } from '../../core/sip-headers.js';

/**
 * Twilio's published signalling and media ranges (twilio.com/docs/sip-trunking/ip-addresses). Twilio answers calls only
 * to its domain names, so a destination that names one of these addresses can never work.
 */
export const twilioRanges = [
  '54.172.60.0/30',
  '54.244.51.0/30',
  '54.171.127.192/30',
  '35.156.191.128/30',
  '54.65.63.192/30',
  '54.169.127.128/30',
  '54.252.254.64/30',
  '177.71.206.192/30',
  '168.86.128.0/18',
] as const;

const twilio = new BlockList();
for (const range of twilioRanges) {
  const [address = '', bits = ''] = range.split('/');
  twilio.addSubnet(address, Number(bits), 'ipv4');
}

const hostName = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
// RFC 3261 section 25.1: unreserved, escaped, user-unreserved.
const userPart = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+$/;
const parameter = /^[A-Za-z0-9\-_.!~*'%[\]/:&+$]+(?:=[A-Za-z0-9\-_.!~*'%[\]/:&+$]+)?$/;

/**
 * What is wrong with a SIP URI as a transfer destination or trunk, as a phrase that goes on from the field's name; null
 * when it can be called (RFC 3261 section 19.1; transfer destinations are `sip:line@host[:port][;transport=…]`).
 */
export const sipUriFault = (uri: string): string | null => {
  if (/^sips:/i.test(uri)) {
    return 'must not be sips: (it asks for TLS on every hop up to the phone, which nobody can promise); write sip:…;transport=tls';
  }
  const rest = /^sip:(.*)$/is.exec(uri)?.[1];
  if (rest === undefined) return 'must be a SIP URI, sip:line@host';
  if (/[\s<>"\x00-\x1f\x7f-\uffff]/.test(rest))
    return 'must not contain spaces, brackets, quotes or control characters';
  const at = rest.lastIndexOf('@');
  const user = at < 0 ? null : rest.slice(0, at);
  if (user?.includes(':') === true) return 'must not contain a password; use digest';
  if (user !== null && !userPart.test(user)) return 'has a user part that is not allowed in a SIP URI';
  const [hostPort = '', ...parameters] = rest.slice(at + 1).split(';');
  if (rest.slice(at + 1).includes('?')) return 'must not carry headers; use headers of the destination';
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(hostPort);
  if (match === null) return 'has a host and port that cannot be read';
  const host = (match[1] ?? '').replace(/^\[(.*)\]$/, '$1');
  const port = match[2] === undefined ? null : Number(match[2]);
  if (port !== null && (port < 1 || port > 65_535)) return 'has a port outside 1 to 65535';
  if (isIPv6(host) && !hostPort.startsWith('[')) return 'must write an IPv6 address in square brackets';
  if (isIP(host) === 0 && !hostName.test(host)) return 'has a host that is neither a name nor an address';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  const v4 = isIPv4(host) ? host : mapped;
  if (v4 !== undefined && twilio.check(v4, 'ipv4')) {
    return "must not be an address of Twilio's ranges: Twilio answers only to its domain names (…sip.twilio.com)";
  }
  for (const text of parameters) {
    if (!parameter.test(text)) return 'has a parameter that is not allowed in a SIP URI';
    if (/^maddr(?:=|$)/i.test(text)) return 'must not have maddr: what is called is the host';
    const transport = /^transport=(.*)$/i.exec(text)?.[1]?.toLowerCase();
    if (transport !== undefined && !['udp', 'tcp', 'tls'].includes(transport))
      return 'must have transport udp, tcp or tls';
  }
  return null;
};

const headerFaults = {
  name: "is not a name a header of a call can have: letters, digits and -.!%*_+`'~ only, 128 at most",
  reserved: 'is a header the gateway writes itself, or one that steers calls',
  gateway: 'is a name kept for the gateway',
  empty: 'must not be empty: such a header is not sent',
  'not-printable': 'must have a value of printable ASCII characters',
} as const;

/** What is wrong with a header a destination wants to send, or null. What is let pass here is sent. */
export const sipHeaderFault = (name: string, value: string): string | null => {
  const fault = foreignHeaderFault(name, value);
  return fault === null ? null : headerFaults[fault];
};
