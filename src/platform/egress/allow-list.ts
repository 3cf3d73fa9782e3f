import { BlockList, isIP } from 'node:net';
import { GatewayError } from '../../core/errors.js';

/** One permission of the operator. Host, address and port must all match; no part of it skips another. */
export type AllowEntry = { readonly text: string; matches(host: string, address: string, port: number): boolean };

const hostPattern = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?$/;

/** Lower case, without brackets and without the root's dot, so that one host has one spelling. */
export const canonicalHost = (host: string): string => {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return bare.toLowerCase().replace(/\.$/, '');
};

const invalid = (text: string, why: string): GatewayError =>
  new GatewayError('config_invalid', `EGRESS_ALLOW entry "${text}" ${why}; the form is host|cidr|port`);

const parseRange = (text: string, cidr: string): BlockList => {
  const [base = '', bits] = cidr.split('/');
  const family = isIP(base);
  if (family === 0) throw invalid(text, `has no address range in "${cidr}"`);
  const width = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? width : Number(bits);
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || prefix > width)) {
    throw invalid(text, `has a prefix length that is not between 0 and ${width}`);
  }
  const list = new BlockList();
  list.addSubnet(base, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return list;
};

const parseEntry = (text: string): AllowEntry => {
  const parts = text.split('|').map((part) => part.trim());
  const [host, cidr, port] = parts;
  if (parts.length !== 3 || !host || !cidr || !port) throw invalid(text, 'does not have three parts');
  const name = canonicalHost(host);
  if (isIP(name) === 0 && !hostPattern.test(name)) throw invalid(text, 'has no host name, *.suffix or address first');
  const range = parseRange(text, cidr);
  const wanted = port === '*' ? undefined : Number(port);
  if (wanted !== undefined && (!/^\d{1,5}$/.test(port) || wanted < 1 || wanted > 65_535)) {
    throw invalid(text, 'has a port that is neither a number from 1 to 65535 nor *');
  }
  const suffix = name.startsWith('*.') ? name.slice(1) : undefined;
  return {
    text,
    matches(candidate, address, candidatePort) {
      const asked = canonicalHost(candidate);
      if (suffix === undefined ? asked !== name : !(asked.endsWith(suffix) && asked.length > suffix.length))
        return false;
      if (wanted !== undefined && wanted !== candidatePort) return false;
      return range.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
    },
  };
};

/**
 * Reads the operator's allow-list: comma-separated `host|cidr|port`, the host exact or `*.suffix`, the port a number or
 * `*`. Empty text is an empty list. Throws `config_invalid` with the entry that cannot be read.
 */
export const parseAllowList = (text: string): readonly AllowEntry[] =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(parseEntry);
