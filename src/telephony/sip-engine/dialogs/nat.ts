import { isIP } from 'node:net';
import { parseNameAddr } from '../header-values.js';
import type { Flow } from '../transport.js';
import { parseUri } from '../uri.js';
import { defaultPort } from '../via-route.js';

/** Addresses of RFC 1918, RFC 6598 and link-local: unreachable from outside of their network. */
export const isPrivateAddress = (address: string): boolean => {
  if (isIP(address) === 6) return /^f[cd]|^fe[89ab]/i.test(address);
  const [a = 0, b = 0] = address.split('.').map(Number);
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254)
  );
};

const hostOf = (uri: string | undefined): string | undefined => (uri === undefined ? undefined : parseUri(uri)?.host);

/**
 * True when requests in a dialog must go back where its first message came from: the peer's Contact is an address it did
 * not send from, or the first route is a private address that a public one sent. Peers behind NAT that do not know it
 * look like this; drachtio-server decides the same way. Host names are left to DNS.
 */
export const isBehindNat = (routeSet: readonly string[], contactUri: string | undefined, flow: Flow): boolean => {
  const [route] = routeSet;
  if (route !== undefined) {
    const host = hostOf(parseNameAddr(route)?.uri);
    return host !== undefined && isIP(host) !== 0 && isPrivateAddress(host) && !isPrivateAddress(flow.remoteAddress);
  }
  const host = hostOf(contactUri);
  return host === undefined || (isIP(host) !== 0 && host !== flow.remoteAddress);
};

/**
 * True when the next hop of a dialog's requests is the host its TCP or TLS connection leads to already: requests then take
 * that connection while it is open. A second one is no better, and by TLS it may not come about: carriers record their
 * routes by address, and their certificates name hosts. A peer that connected to us did so from a port of no meaning; where
 * we connected, the port must be the same. A route that names another transport is taken at its word.
 */
export const leadsBack = (
  routeSet: readonly string[],
  contactUri: string | undefined,
  flow: Flow,
  role: 'uac' | 'uas',
): boolean => {
  if (flow.transport === 'udp') return false;
  const [route] = routeSet;
  const hop = route === undefined ? contactUri : parseNameAddr(route)?.uri;
  const uri = hop === undefined ? undefined : parseUri(hop);
  if (uri === undefined || (uri.params.get('maddr') || uri.host) !== flow.remoteAddress) return false;
  const transport = uri.scheme === 'sips' ? 'tls' : (uri.params.get('transport')?.toLowerCase() ?? flow.transport);
  if (transport !== flow.transport) return false;
  return role === 'uas' || (uri.port ?? defaultPort(transport)) === flow.remotePort;
};
