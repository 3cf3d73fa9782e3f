import { type IpRange, mostSpecific, parseIpRange } from '../ip-range.js';

const hostName = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){0,32}[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** True for what may stand in a list of peers: a host name, `*.domain`, an address or a range of addresses. */
export const isPeerEntry = (text: string): boolean => parseIpRange(text) !== null || hostName.test(text);

/** Whether a host is one of the peers. Names are compared as they are written; nothing is resolved. */
export const isPeer = (host: string, peers: readonly string[]): boolean => {
  const ranges = peers.map(parseIpRange).filter((range): range is IpRange => range !== null);
  if (mostSpecific(ranges, host) !== null) return true;
  const asked = host.toLowerCase().replace(/\.$/, '');
  return peers.some((peer) => {
    const entry = peer.toLowerCase();
    return entry.startsWith('*.') ? asked.endsWith(entry.slice(1)) && asked.length >= entry.length : asked === entry;
  });
};
