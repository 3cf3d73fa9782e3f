import { createDns, type Dns } from '../sip-engine/dns.js';
import type { TargetAddress } from '../sip-engine/options.js';
import { resolveTargets } from '../sip-engine/resolver.js';
import type { TransportName } from '../sip-engine/transport.js';
import { parseUri } from '../sip-engine/uri.js';

/** Why a host must not be called at this address and port, as a sentence; null when it may be. */
export type DestinationPolicy = (host: string, address: string, port: number) => string | null;

/** One call of ours while its INVITE is on its way. */
export type GuardedCall = {
  /** Why its INVITE went nowhere; null when that was not the guard's doing. */
  refusal(): string | null;
  end(): void;
};

/**
 * Stands between the calls of ours and the network. A SIP server of our own asks it about the very addresses it is going
 * to send to; for a server that does not ask, `route` resolves the name here.
 */
export type DestinationGuard = {
  /** A call to a host that a tenant chose. */
  watch(callId: string, host: string): GuardedCall;
  /** A call to a host that the operator named. */
  trust(callId: string): GuardedCall;
  /** One answer for each target of an INVITE. A call nobody spoke of goes nowhere. */
  judge(callId: string, targets: readonly TargetAddress[]): readonly boolean[];
  /**
   * Where to send an INVITE for a URI: null when the URI itself will do, since it names an address, or asks for TLS,
   * whose certificate is for the name. Rejects with a sentence when there is nowhere it may go.
   */
  route(uri: string, transports: readonly TransportName[]): Promise<string | null>;
};

type Watched = { readonly host: string | null; refusal: string | null };

export const createDestinationGuard = (policy: DestinationPolicy, dnsServers?: readonly string[]): DestinationGuard => {
  const calls = new Map<string, Watched>();
  let dns: Dns | undefined;
  const enter = (callId: string, host: string | null): GuardedCall => {
    const watched: Watched = { host, refusal: null };
    calls.set(callId, watched);
    return { refusal: () => watched.refusal, end: () => calls.delete(callId) };
  };
  return {
    watch: enter,
    trust: (callId) => enter(callId, null),
    judge(callId, targets) {
      const watched = calls.get(callId);
      if (watched === undefined) return targets.map(() => false);
      const { host } = watched;
      if (host === null) return targets.map(() => true);
      const refusals = targets.map(({ address, port }) => policy(host, address, port));
      const allowed = refusals.map((refusal) => refusal === null);
      if (!allowed.includes(true)) watched.refusal = refusals[0] ?? null;
      return allowed;
    },
    async route(text, transports) {
      const uri = parseUri(text);
      if (uri === undefined) throw new Error(`${text} is no SIP URI`);
      dns ??= createDns(dnsServers === undefined ? {} : { servers: dnsServers });
      const targets = await resolveTargets(uri, { dns, transports });
      const allowed = targets.find(({ address, port }) => policy(uri.host, address, port) === null);
      if (allowed === undefined) {
        const [first] = targets;
        throw new Error(first === undefined ? 'no address' : (policy(uri.host, first.address, first.port) ?? ''));
      }
      const { transport, address, port } = allowed;
      if (transport === 'tls' || address === uri.host) return null;
      return `sip:${address.includes(':') ? `[${address}]` : address}:${port};transport=${transport}`;
    },
  };
};
