import { BlockList, isIP } from 'node:net';
import { literalAddress } from './literal-address.js';

/** Who may send media to a leg. Addresses are literals; ranges are CIDR or single addresses. */
export type LatchSources = {
  /** Address and port of the peer's SDP; null before there is one. */
  readonly sdp: { readonly address: string; readonly port: number } | null;
  readonly signallingAddress: string | null;
  readonly ranges: BlockList;
};

export type LatchVerdict =
  /** The source this leg listens to. */
  | 'known'
  /** A source that may be listened to if its packet proves valid; `confirm` makes it the known one. */
  | 'candidate'
  | 'refused';

/**
 * Symmetric RTP (RFC 4961, "comedia"): the leg listens to the address the first valid packet came from and sends there,
 * whatever the SDP says, because the peer may be behind NAT. So that a stranger cannot take a call over by sending
 * first, the address must be the SDP's, the signalling's or in the profile's ranges; and once latched, another source
 * is taken only after the known one has been silent for `lossMs`, or when within `learnMs` of the start a packet
 * comes from a source that fits the SDP better.
 */
export type MediaLatch = {
  /** Where the peer's packets come from; null until latched. */
  readonly address: string | null;
  readonly port: number;
  check(address: string, port: number, now: number): LatchVerdict;
  /** Called for a valid packet of a candidate. */
  confirm(address: string, port: number, now: number): void;
  /** Called for a valid packet of the known source. */
  heard(now: number): void;
  /** The signalling of this leg comes from here, as became known after its beginning. */
  signalledFrom(address: string): void;
  /** New SDP: an unchanged remote address keeps the latch, another one starts afresh. */
  describe(sdp: { readonly address: string; readonly port: number } | null): void;
};

/** The address without the IPv4-mapped prefix a dual-stack socket reports (RFC 4291 section 2.5.5.2). */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;

/** Ranges belong to profiles, of which there are few, and are asked for with every leg. */
const known = new Map<string, BlockList>();
const mostKnown = 256;

/** Reads CIDR ranges; the list is shared and not to be changed. Throws a RangeError naming the range that cannot be read. */
export const addressRanges = (ranges: readonly string[]): BlockList => {
  const key = JSON.stringify(ranges);
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= mostKnown) known.clear();
  const list = readRanges(ranges);
  known.set(key, list);
  return list;
};

const readRanges = (ranges: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    const version = isIP(address);
    const family = version === 6 ? 'ipv6' : 'ipv4';
    const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix);
    if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > (version === 6 ? 128 : 32)) {
      throw new RangeError(`The media range "${range}" is not an address or CIDR range.`);
    }
    list.addSubnet(address, bits, family);
  }
  return list;
};

export const mediaLatch = (options: {
  readonly signallingAddress: string | null;
  readonly ranges: BlockList;
  /** Silence after which another allowed source may take over, ms. */
  readonly lossMs: number;
  /** Time from the first latching in which a better fitting source takes over, ms. */
  readonly learnMs: number;
}): MediaLatch => {
  let sdp: { readonly address: string; readonly port: number } | null = null;
  let signalling = options.signallingAddress === null ? null : literalAddress(options.signallingAddress);
  let latchedAddress: string | null = null;
  let latchedPort = 0;
  let rank = 0;
  // Times live in a typed array: a closure variable holding a fraction would cost a heap object at each packet.
  const times = new Float64Array(2);
  const HEARD = 0;
  const FIRST = 1;

  /** 3: exactly the SDP's address and port, 2: the SDP's address, 1: the signalling's or the profile's, 0: nobody's. */
  const rankOf = (address: string, port: number): number => {
    const plain = plainAddress(address);
    if (sdp !== null && plain === sdp.address) return port === sdp.port ? 3 : 2;
    if (plain === signalling) return 1;
    return options.ranges.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4') ? 1 : 0;
  };

  return {
    get address() {
      return latchedAddress;
    },
    get port() {
      return latchedPort;
    },
    check(address, port, now) {
      if (port === latchedPort && address === latchedAddress) return 'known';
      if (latchedAddress !== null && now - (times[HEARD] ?? 0) < options.lossMs) {
        const learning = rank < 3 && now - (times[FIRST] ?? 0) < options.learnMs;
        return learning && rankOf(address, port) > rank ? 'candidate' : 'refused';
      }
      return rankOf(address, port) > 0 ? 'candidate' : 'refused';
    },
    confirm(address, port, now) {
      if (latchedAddress === null) times[FIRST] = now;
      latchedAddress = address;
      latchedPort = port;
      rank = rankOf(address, port);
      times[HEARD] = now;
    },
    heard(now) {
      times[HEARD] = now;
    },
    signalledFrom(address) {
      signalling = literalAddress(address);
    },
    describe(next) {
      if (next !== null && sdp !== null && next.address === sdp.address && next.port === sdp.port) return;
      sdp = next;
      latchedAddress = null;
      latchedPort = 0;
      rank = 0;
    },
  };
};
