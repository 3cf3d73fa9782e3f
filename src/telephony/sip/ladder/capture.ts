import { isIPv4, isIPv6 } from 'node:net';
import type { LadderView } from './recorder.js';

/** Packets begin with the IP header (LINKTYPE_RAW of the libpcap format). */
const rawIp = 101;
const udp = 17;
/** Stands for an address that is a name or not known: addresses for documentation (RFC 5737, RFC 3849). */
const unknown = { ours: { v4: '192.0.2.1', v6: '2001:db8::1' }, theirs: { v4: '198.51.100.', v6: '2001:db8:1::' } };

type Endpoint = { readonly address: string; readonly port: number };

const endpointIn = (text: string): Endpoint => {
  const match = /^\[?(.*?)\]?(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? 5060);
  // A bare IPv6 address has colons of its own.
  if (isIPv6(text)) return { address: text, port: 5060 };
  return { address: match?.[1] ?? text, port: port > 0 && port < 65_536 ? port : 5060 };
};

const bytesOf = (address: string): Buffer => {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // An IPv4 address at the end of an IPv6 one is two groups.
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.slice(0, 8).entries()) bytes.writeUInt16BE(group & 0xffff, index * 2);
  return bytes;
};

/** The Internet checksum (RFC 1071). */
const checksum = (...parts: readonly Buffer[]): number => {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
};

const datagram = (from: Endpoint, to: Endpoint, payload: Buffer): Buffer => {
  const [source, target] = [bytesOf(from.address), bytesOf(to.address)];
  const v4 = source.length === 4;
  const head = Buffer.alloc(8);
  head.writeUInt16BE(from.port, 0);
  head.writeUInt16BE(to.port, 2);
  head.writeUInt16BE(8 + payload.length, 4);
  const pseudo = Buffer.from([0, udp, 0, 0]);
  pseudo.writeUInt16BE(8 + payload.length, 2);
  head.writeUInt16BE(checksum(source, target, pseudo, head, payload) || 0xffff, 6);
  const ip = Buffer.alloc(v4 ? 20 : 40);
  if (v4) {
    ip[0] = 0x45;
    ip.writeUInt16BE(28 + payload.length, 2);
    ip[8] = 64;
    ip[9] = udp;
    source.copy(ip, 12);
    target.copy(ip, 16);
    ip.writeUInt16BE(checksum(ip), 10);
  } else {
    ip[0] = 0x60;
    ip.writeUInt16BE(8 + payload.length, 4);
    ip[6] = udp;
    ip[7] = 64;
    source.copy(ip, 8);
    target.copy(ip, 24);
  }
  return Buffer.concat([ip, head, payload]);
};

/**
 * The messages of a ladder as a capture file (libpcap, microseconds) for Wireshark and its kind. Made of what the ladder
 * has, so credentials are out of it; each message is one UDP datagram, whatever transport carried it, for a TLS stream
 * could not be read and a TCP one would have to be invented.
 */
export const ladderCapture = ({ entries }: Pick<LadderView, 'entries'>): Buffer => {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(rawIp, 20);
  const names: string[] = [];
  const addressed = (end: Endpoint, v6: boolean): Endpoint => {
    if (isIPv4(end.address) || isIPv6(end.address)) return end;
    if (!names.includes(end.address)) names.push(end.address);
    const number = Math.min(254, names.indexOf(end.address) + 1);
    return { address: `${v6 ? unknown.theirs.v6 : unknown.theirs.v4}${number}`, port: end.port };
  };
  const packets = entries.flatMap((entry) => {
    const theirs = endpointIn(entry.remote);
    const v6 = isIPv6(theirs.address);
    const remote = addressed(theirs, v6);
    const known = entry.local === null ? null : endpointIn(entry.local);
    const local =
      known !== null && isIPv6(known.address) === v6 && (v6 || isIPv4(known.address))
        ? known
        : { address: v6 ? unknown.ours.v6 : unknown.ours.v4, port: known?.port ?? 5060 };
    const payload = Buffer.from(entry.message).subarray(0, 65_000);
    const packet = entry.direction === 'in' ? datagram(remote, local, payload) : datagram(local, remote, payload);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(entry.at / 1_000), 0);
    record.writeUInt32LE(Math.round((entry.at % 1_000) * 1_000), 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return Buffer.concat([header, ...packets]);
};
