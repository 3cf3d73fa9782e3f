import { readFileSync } from 'node:fs';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { ListenPoint, TransportName } from '../transport.js';

export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** IPv4 addresses that a dual-stack socket reports as `::ffff:192.0.2.1`, as plain IPv4. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

type Interface = NetworkInterfaceInfo & { name: string; cidr: string | null };

const interfacesOf = (family: 'ipv4' | 'ipv6'): Interface[] =>
  Object.entries(networkInterfaces()).flatMap(([name, infos]) =>
    (infos ?? [])
      .filter((info) => info.family.toLowerCase() === family && !info.address.startsWith('fe80:'))
      .map((info) => ({ ...info, name })),
  );

const contains = (cidr: string | null, address: string): boolean => {
  const [net, prefix] = (cidr ?? '').split('/');
  if (net === undefined || prefix === undefined) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(prefix), familyOf(net));
  return list.check(address, familyOf(address));
};

/** Name of the interface with the IPv4 default route, on systems whose kernel tells it in a file. */
const defaultInterface = (): string | undefined => {
  try {
    const rows = readFileSync('/proc/net/route', 'latin1').split('\n').slice(1);
    return rows.map((row) => row.split('\t')).find((columns) => columns[1] === '00000000')?.[0];
  } catch {
    return undefined;
  }
};

/** The address of this machine that packets to `remote` leave from, as far as interfaces and the default route tell. */
const sourceAddressFor = (remote: string): string | undefined => {
  const interfaces = interfacesOf(familyOf(remote));
  const same = interfaces.find((i) => i.address === remote);
  const near = same ?? interfaces.find((i) => contains(i.cidr, remote));
  if (near !== undefined) return near.address;
  const outside = interfaces.filter((i) => !i.internal);
  const gateway = defaultInterface();
  return (outside.find((i) => i.name === gateway) ?? outside[0])?.address;
};

/** How well a listening address fits a destination; the best is 4, no fit at all 0. */
const fitness = (point: ListenPoint, remote: string, source: string | undefined): number => {
  if (familyOf(point.address) !== familyOf(remote)) return 0;
  if (point.address === remote) return 4;
  if (isWildcard(point.address) || point.address === source) return 3;
  return isLoopback(point.address) === isLoopback(remote) ? 2 : 1;
};

/**
 * Chooses the listening point to send from, and to name in Via and Contact, for a destination. A wildcard point comes
 * back with the address that packets to the destination leave from. Answers are remembered: interfaces rarely change.
 */
export const createLocalAddresses = (points: () => readonly ListenPoint[], now: () => number) => {
  const known = new Map<string, { point: ListenPoint | undefined; until: number }>();
  const rememberFor = 5_000;
  const choose = (transport: TransportName, remote: string): ListenPoint | undefined => {
    const candidates = points().filter((p) => p.transport === transport);
    const source = sourceAddressFor(remote);
    let best: ListenPoint | undefined;
    let bestFit = 0;
    for (const point of candidates) {
      const fit = fitness(point, remote, source);
      if (fit > bestFit) {
        best = point;
        bestFit = fit;
      }
    }
    return best !== undefined && isWildcard(best.address) ? { ...best, address: source ?? best.address } : best;
  };
  return (transport: TransportName, remote: string): ListenPoint | undefined => {
    const key = `${transport} ${remote}`;
    const at = now();
    const remembered = known.get(key);
    if (remembered !== undefined && remembered.until > at) return remembered.point;
    // Bounded: remote addresses come from outside.
    if (known.size >= 1_000) known.clear();
    const point = choose(transport, remote);
    known.set(key, { point, until: at + rememberFor });
    return point;
  };
};
