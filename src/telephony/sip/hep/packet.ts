import { isIPv4, isIPv6 } from 'node:net';

/**
 * HEP version 3, the protocol of Homer: `HEP3`, the length of all, and chunks of vendor, type, length (its own six bytes
 * included) and value. https://github.com/sipcapture/HEP, "HEP3 specification", rev. 12.
 */
const chunkTypes = {
  family: 0x0001,
  protocol: 0x0002,
  sourceV4: 0x0003,
  destinationV4: 0x0004,
  sourceV6: 0x0005,
  destinationV6: 0x0006,
  sourcePort: 0x0007,
  destinationPort: 0x0008,
  seconds: 0x0009,
  microseconds: 0x000a,
  kind: 0x000b,
  agent: 0x000c,
  key: 0x000e,
  payload: 0x000f,
  correlation: 0x0011,
  node: 0x0013,
} as const;

/** IANA numbers. TLS and WebSockets are TCP to whoever looks at packets. */
const udp = 17;
const tcp = 6;
const kindSip = 1;
const familyV4 = 2;
const familyV6 = 10;

/** What fits into one UDP datagram besides the other chunks; longer messages are cut. */
const longestPayload = 65_000;

export type HepMessage = {
  /** ms since the epoch. */
  readonly at: number;
  /** `udp`, `tcp`, `tls`… */
  readonly transport: string;
  /** `address:port`, IPv6 in brackets. */
  readonly source: string;
  readonly destination: string;
  readonly callId: string;
  readonly payload: Uint8Array;
};

export type HepAgent = {
  /** Number of the capturing agent, as Homer shows it. */
  readonly id: number;
  /** Name of this node. */
  readonly node: string;
  /** Homer's shared key, where it asks for one. */
  readonly key: string | null;
};

type Place = { readonly address: Buffer; readonly v6: boolean; readonly port: number };

const bytesOfV6 = (address: string): Buffer => {
  const plain = address.replace(/%.*$/, '');
  // The last 32 bits may be written as IPv4 (RFC 4291 section 2.2).
  const mapped = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const hex =
    mapped === null
      ? plain
      : `${mapped[1]}${((Number(mapped[2]) << 8) | Number(mapped[3])).toString(16)}:${((Number(mapped[4]) << 8) | Number(mapped[5])).toString(16)}`;
  const [head = '', tail] = hex.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.slice(0, 8).entries()) bytes.writeUInt16BE(group & 0xffff, index * 2);
  return bytes;
};

/** Address and port of `address:port`; null for what is none. */
const placeOf = (text: string): Place | null => {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|(.+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (!(port <= 65_535)) return null;
  if (isIPv4(address)) return { address: Buffer.from(address.split('.').map(Number)), v6: false, port };
  return isIPv6(address) ? { address: bytesOfV6(address), v6: true, port } : null;
};

const asV6 = ({ address, v6 }: Place): Buffer =>
  v6 ? address : Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), address]);

const chunk = (type: number, value: Uint8Array): Buffer => {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(6 + value.length, 4);
  return Buffer.concat([head, value]);
};
const whole = (type: number, value: number, bytes: 1 | 2 | 4): Buffer => {
  const text = Buffer.alloc(bytes);
  text.writeUIntBE(value, 0, bytes);
  return chunk(type, text);
};

/** One SIP message as a HEP packet; null when its ends are no addresses, which Homer could not show. */
export const hepPacket = (message: HepMessage, agent: HepAgent): Buffer | null => {
  const source = placeOf(message.source);
  const destination = placeOf(message.destination);
  if (source === null || destination === null) return null;
  const v6 = source.v6 || destination.v6;
  const at = Math.max(0, message.at);
  const seconds = Math.floor(at / 1_000);
  const chunks = [
    whole(chunkTypes.family, v6 ? familyV6 : familyV4, 1),
    whole(chunkTypes.protocol, message.transport === 'udp' ? udp : tcp, 1),
    chunk(v6 ? chunkTypes.sourceV6 : chunkTypes.sourceV4, v6 ? asV6(source) : source.address),
    chunk(v6 ? chunkTypes.destinationV6 : chunkTypes.destinationV4, v6 ? asV6(destination) : destination.address),
    whole(chunkTypes.sourcePort, source.port, 2),
    whole(chunkTypes.destinationPort, destination.port, 2),
    whole(chunkTypes.seconds, seconds >>> 0, 4),
    whole(chunkTypes.microseconds, Math.floor((at - seconds * 1_000) * 1_000), 4),
    whole(chunkTypes.kind, kindSip, 1),
    whole(chunkTypes.agent, agent.id, 4),
    ...(agent.key === null ? [] : [chunk(chunkTypes.key, Buffer.from(agent.key))]),
    chunk(chunkTypes.correlation, Buffer.from(message.callId.slice(0, 256))),
    chunk(chunkTypes.node, Buffer.from(agent.node.slice(0, 64))),
    chunk(chunkTypes.payload, message.payload.subarray(0, longestPayload)),
  ];
  const head = Buffer.from('HEP3\0\0', 'latin1');
  head.writeUInt16BE(
    chunks.reduce((sum, { length }) => sum + length, head.length),
    4,
  );
  return Buffer.concat([head, ...chunks]);
};
