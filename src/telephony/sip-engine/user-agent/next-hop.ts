import { isIP } from 'node:net';
import { createDns, type Dns } from '../dns.js';
import type { SipUri } from '../message.js';
import type { EngineOptions } from '../options.js';
import { resolveTargets } from '../resolver.js';
import type { Target, TransportLayer, TransportName } from '../transport.js';
import { parseUri } from '../uri.js';

const names: readonly TransportName[] = ['udp', 'tcp', 'tls'];

/** Target of a URI whose host is an address: the usual case, which needs no waiting. */
const numericTarget = (uri: SipUri): Target | string | undefined => {
  const host = uri.params.get('maddr') || uri.host;
  if (isIP(host) === 0) return undefined;
  const named = uri.params.get('transport')?.toLowerCase();
  const wanted = names.find((name) => name === named);
  if (named !== undefined && named !== '' && !wanted) return 'requested protocol/transport not available';
  const transport = uri.scheme === 'sips' ? 'tls' : (wanted ?? 'udp');
  if (uri.scheme === 'sips' && wanted === 'udp') return 'requested protocol/transport not available';
  return { transport, address: host, port: uri.port ?? (transport === 'tls' ? 5061 : 5060), host: uri.host };
};

export type NextHop = {
  resolve(uri: string): Target[] | string | Promise<Target[] | string>;
  close(): void;
};

/** Finds where requests go (RFC 3263); numeric hosts at once, `localhost` without DNS, names by NAPTR, SRV and A. */
export const createNextHop = (options: EngineOptions, transport: () => TransportLayer): NextHop => {
  const abort = new AbortController();
  let dns: Dns | undefined;
  return {
    resolve: (text) => {
      const uri = parseUri(text);
      if (!uri) return `invalid request-uri: ${text}`;
      if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return `cannot send to ${uri.scheme} uri without a route`;
      const loopback = uri.host === 'localhost' ? { ...uri, host: '127.0.0.1' } : uri;
      const target = numericTarget(loopback);
      const available = new Set(transport().local.map((point) => point.transport));
      if (typeof target === 'string') return target;
      if (target) return available.has(target.transport) ? [target] : 'requested protocol/transport not available';
      dns ??= createDns(options.dnsServers ? { servers: options.dnsServers } : {});
      return resolveTargets(uri, {
        dns,
        transports: names.filter((name) => available.has(name)),
        signal: abort.signal,
      });
    },
    close: () => abort.abort(),
  };
};
