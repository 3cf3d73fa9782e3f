import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type GuardOptions, guardedConnect } from './connect.js';
import { EgressFailure } from './failure.js';
import { secureContextOf } from './origin-pool.js';
import type { EgressPurpose } from './policy.js';

/** Opens connections for protocols that are not requests, such as WebSocket. */
export type EgressDialer = {
  /**
   * A connection to the origin of a `wss:` or `https:` URL, TLS done; of a `ws:` URL only where the policy has its
   * exception for a development machine. Rejects with EgressFailure only, and leaves no socket behind when it does.
   */
  dial(url: URL, purpose: EgressPurpose, signal: AbortSignal): Promise<Socket | TLSSocket>;
};

export type EgressDialerOptions = GuardOptions & {
  /** PEM authorities trusted besides the system's. */
  readonly extraAuthorities?: readonly string[];
};

const schemes: Readonly<Record<string, { readonly port: number; readonly encrypted: boolean }>> = {
  'wss:': { port: 443, encrypted: true },
  'https:': { port: 443, encrypted: true },
  'ws:': { port: 80, encrypted: false },
};

/** The dialer behind the guard: addresses are judged after the name is resolved, and the judged one is dialled. */
export const createEgressDialer = (options: EgressDialerOptions): EgressDialer => {
  const context = secureContextOf(undefined, options.extraAuthorities ?? []);
  return {
    dial: async (url, purpose, signal) => {
      const scheme = schemes[url.protocol];
      if (scheme === undefined) {
        throw new EgressFailure('refused_address', `${url.protocol} addresses are not called.`, {
          beforeRequest: true,
        });
      }
      const target = { host: url.hostname, port: url.port === '' ? scheme.port : Number(url.port), purpose };
      return guardedConnect(options, target, {
        signal,
        ...(scheme.encrypted ? { tls: context === undefined ? {} : { context } } : { requireTls: true }),
      });
    },
  };
};
