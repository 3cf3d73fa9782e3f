export { type AddressClass, addressClass } from './addresses.js';
export { type AllowEntry, canonicalHost, parseAllowList } from './allow-list.js';
export {
  type ConnectTiming,
  type GuardedConnectOptions,
  type GuardOptions,
  guardedConnect,
  guardedLookup,
  type HostResolver,
  type ResolvedAddress,
  systemResolver,
} from './connect.js';
export { createEgressDialer, type EgressDialer, type EgressDialerOptions } from './dialer.js';
export { EgressFailure, type EgressFailureKind } from './failure.js';
export {
  createEgressClient,
  type EgressClient,
  type EgressClientOptions,
  type EgressRequest,
  type EgressResponse,
  type ExchangeTiming,
  type HttpHeaders,
} from './http-client.js';
export type { RequestUrl, TlsCredential } from './origin-pool.js';
export {
  createEgressPolicy,
  type EgressPolicy,
  type EgressPolicyOptions,
  type EgressPurpose,
  type EgressTarget,
  type EgressVerdict,
} from './policy.js';
