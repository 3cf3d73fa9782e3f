import { isIP } from 'node:net';
import { GatewayError } from '../../core/errors.js';

const hostOf = (authority: string): string | null => {
  const text = `http://${authority}`;
  if (/[/?#@\s\\]/.test(authority) || !URL.canParse(text)) return null;
  return new URL(text).hostname.replace(/^\[(.*)\]$/, '$1');
};

export type HostGuard = {
  /** Throws GatewayError host_refused. */
  host(header: string | undefined): void;
  /** Throws GatewayError origin_refused. Requests without `Origin` do not come from a page. */
  origin(origin: string | undefined, host: string | undefined): void;
};

/**
 * Keeps web pages of others away. A page can make a browser call this address under a name its author points here (DNS
 * rebinding), so `Host` must be an address, `localhost` or a name of this gateway; and a page of another origin has no
 * business with this API.
 */
export const createHostGuard = (publicUrl: string, allowedHosts: readonly string[] = []): HostGuard => {
  const own = new URL(publicUrl);
  const names = new Set(['localhost', own.hostname.toLowerCase(), ...allowedHosts.map((name) => name.toLowerCase())]);
  return {
    host(header) {
      const host = header === undefined ? null : hostOf(header);
      if (host !== null && (isIP(host) !== 0 || names.has(host))) return;
      throw new GatewayError('host_refused', 'The Host header does not name this gateway; PUBLIC_URL says its name.');
    },
    origin(origin, host) {
      if (origin === undefined || origin === own.origin) return;
      const from = URL.canParse(origin) ? new URL(origin) : null;
      if (from !== null && ['http:', 'https:'].includes(from.protocol) && from.host === host?.toLowerCase()) return;
      throw new GatewayError('origin_refused', 'The request comes from a web page of another origin.');
    },
  };
};
