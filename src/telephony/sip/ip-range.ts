import { isIPv4, isIPv6 } from 'node:net';

/** A block of addresses. `bits` is the network address as a number, `length` how many leading bits count. */
export type IpRange = {
  readonly text: string;
  readonly family: 4 | 6;
  readonly bits: bigint;
  readonly length: number;
};

const widthOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

const bitsOfIpv4 = (address: string): bigint =>
  address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(Number(part)), 0n);

const bitsOfIpv6 = (address: string): bigint => {
  // A dotted tail (`::ffff:192.0.2.1`) stands for the last two groups.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (dotted !== null) {
    const tail = bitsOfIpv4(dotted[2] ?? '');
    return bitsOfIpv6(`${dotted[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`);
  }
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(tail === undefined ? 0 : 8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
};

/**
 * An address as family and number. IPv4-mapped IPv6 (`::ffff:192.0.2.1`), which a dual-stack socket reports for IPv4
 * peers, counts as IPv4; a zone (`fe80::1%eth0`) is left out. Null when the text is no address.
 */
const readAddress = (text: string): { family: 4 | 6; bits: bigint } | null => {
  const address = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  if (isIPv4(address)) return { family: 4, bits: bitsOfIpv4(address) };
  if (!isIPv6(address)) return null;
  const bits = bitsOfIpv6(address);
  return bits >> 32n === 0xffffn ? { family: 4, bits: bits & 0xffff_ffffn } : { family: 6, bits };
};

/** Reads `address` or `address/length` (CIDR, RFC 4632). Null when it is neither or has bits set behind the prefix. */
export const parseIpRange = (text: string): IpRange | null => {
  const [addressText = '', lengthText, ...rest] = text.trim().split('/');
  const address = readAddress(addressText);
  if (address === null || rest.length > 0) return null;
  const width = widthOf(address.family);
  if (lengthText !== undefined && !/^\d{1,3}$/.test(lengthText)) return null;
  const length = lengthText === undefined ? width : Number(lengthText);
  if (length > width) return null;
  const hostBits = BigInt(width - length);
  if ((address.bits >> hostBits) << hostBits !== address.bits) return null;
  return { text: text.trim(), family: address.family, bits: address.bits, length };
};

/** True when both name the same block, however they are written. */
export const sameRange = (a: IpRange, b: IpRange): boolean =>
  a.family === b.family && a.bits === b.bits && a.length === b.length;

/** The range of `ranges` with the longest prefix that holds `address`, or null. */
export const mostSpecific = <T extends IpRange>(ranges: Iterable<T>, address: string): T | null => {
  const parsed = readAddress(address);
  if (parsed === null) return null;
  let best: T | null = null;
  for (const range of ranges) {
    if (range.family !== parsed.family) continue;
    const shift = BigInt(widthOf(range.family) - range.length);
    if (parsed.bits >> shift !== range.bits >> shift) continue;
    if (best === null || range.length > best.length) best = range;
  }
  return best;
};

/** One text for one address: IPv4-mapped addresses as IPv4, so that limits count a peer once. Null when it is none. */
export const canonicalAddress = (text: string): string | null => {
  const parsed = readAddress(text);
  if (parsed === null) return null;
  if (parsed.family === 6) return parsed.bits.toString(16).padStart(32, '0');
  return [24n, 16n, 8n, 0n].map((shift) => String((parsed.bits >> shift) & 0xffn)).join('.');
};
