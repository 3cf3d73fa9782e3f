import { BlockList, isIP } from 'node:net';

/**
 * What kind of place an address is. `public` is the only kind a tenant may reach without the operator's word.
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), RFC 6598 (shared address space).
 */
export type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'shared'
  | 'multicast'
  | 'metadata'
  | 'mapped'
  | 'reserved'
  | 'invalid';

type Range = readonly [AddressClass, string, number];

/** Metadata services come first: some of them lie in ranges that would otherwise be called private or even public. */
const ipv4Ranges: readonly Range[] = [
  ['metadata', '169.254.0.0', 16],
  ['metadata', '100.100.100.200', 32],
  ['metadata', '168.63.129.16', 32],
  ['metadata', '192.0.0.192', 32],
  ['loopback', '127.0.0.0', 8],
  ['private', '10.0.0.0', 8],
  ['private', '172.16.0.0', 12],
  ['private', '192.168.0.0', 16],
  ['shared', '100.64.0.0', 10],
  ['multicast', '224.0.0.0', 4],
  ['reserved', '0.0.0.0', 8],
  ['reserved', '192.0.0.0', 24],
  ['reserved', '192.0.2.0', 24],
  ['reserved', '192.88.99.0', 24],
  ['reserved', '198.18.0.0', 15],
  ['reserved', '198.51.100.0', 24],
  ['reserved', '203.0.113.0', 24],
  ['reserved', '240.0.0.0', 4],
];

/**
 * Only 2000::/3 is handed out for the public internet, so everything outside of it is refused without being listed;
 * this covers ::/96 (IPv4-compatible), NAT64 (64:ff9b::/96, 64:ff9b:1::/48) and whatever is defined later.
 */
const ipv6Ranges: readonly Range[] = [
  ['metadata', 'fd00:ec2::254', 128],
  ['metadata', 'fe80::a9fe:a9fe', 128],
  ['loopback', '::1', 128],
  ['private', 'fc00::', 7],
  ['private', 'fec0::', 10],
  ['link-local', 'fe80::', 10],
  ['multicast', 'ff00::', 8],
  ['reserved', '2001::', 23],
  ['reserved', '2001:db8::', 32],
  ['reserved', '2002::', 16],
  ['reserved', '3fff::', 20],
];

const compile = (ranges: readonly Range[], family: 'ipv4' | 'ipv6'): readonly [AddressClass, BlockList][] =>
  ranges.map(([name, base, bits]) => {
    const list = new BlockList();
    list.addSubnet(base, bits, family);
    return [name, list];
  });

const ipv4Lists = compile(ipv4Ranges, 'ipv4');
const ipv6Lists = compile(ipv6Ranges, 'ipv6');
const mapped = new BlockList();
mapped.addSubnet('::ffff:0:0', 96, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/**
 * The class of an address in text form (no brackets). An IPv6 zone (`%eth0`) only has a meaning on the local link, so
 * such an address is `link-local` whatever its bits are. Text that is no address is `invalid`.
 */
export const addressClass = (address: string): AddressClass => {
  if (address.includes('%')) return 'link-local';
  const family = isIP(address);
  if (family === 4) return ipv4Lists.find(([, list]) => list.check(address, 'ipv4'))?.[0] ?? 'public';
  if (family !== 6) return 'invalid';
  if (mapped.check(address, 'ipv6')) return 'mapped';
  const listed = ipv6Lists.find(([, list]) => list.check(address, 'ipv6'));
  if (listed !== undefined) return listed[0];
  return globalUnicast.check(address, 'ipv6') ? 'public' : 'reserved';
};
