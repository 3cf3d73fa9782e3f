import { type AddressClass, addressClass } from './addresses.js';
import type { AllowEntry } from './allow-list.js';

/** Why a connection is made. Actions cover the token URL and the testing panel, which stand under the same rules. */
export type EgressPurpose = 'action' | 'webhook' | 'zendesk' | 'websocket' | 'sip' | 'carrier';

/** A place a tenant chose: the host as written and the port that will be dialled. */
export type EgressTarget = { readonly host: string; readonly port: number; readonly purpose: EgressPurpose };

export type EgressVerdict =
  | { readonly allowed: true; readonly addressClass: AddressClass }
  | { readonly allowed: false; readonly addressClass: AddressClass; readonly reason: string };

export type EgressPolicy = {
  /** Decides on the very address that is to be dialled for the target. */
  check(target: EgressTarget, address: string): EgressVerdict;
  /** True when unencrypted HTTP may be spoken to this address: Zendesk's stand-in or a bot on a development machine. */
  plainHttpAllowed(target: EgressTarget, address: string): boolean;
  /** False: an http: URL of this purpose needs no look at its address. */
  plainHttpThinkable(purpose: EgressPurpose): boolean;
};

export type EgressPolicyOptions = {
  /** The operator's permissions, from `parseAllowList`. */
  readonly allow?: readonly AllowEntry[];
  /** True while HTTP and SIP of the gateway listen on loopback alone: a development machine. */
  readonly loopbackOnly?: boolean;
};

const descriptions: Record<Exclude<AddressClass, 'public'>, string> = {
  loopback: 'this machine itself',
  private: 'a private network',
  'link-local': 'the local link',
  shared: "a carrier's shared address space",
  multicast: 'a multicast group',
  metadata: "a cloud's metadata service",
  mapped: 'an IPv4 address written as IPv6',
  reserved: 'a reserved range',
  invalid: 'no address at all',
};

/** Spoken without TLS to this machine itself, on a development machine: a stand-in of the company, a bot. */
const plainPurposes: ReadonlySet<EgressPurpose> = new Set(['zendesk', 'websocket', 'carrier']);
const loopbackPurposes: ReadonlySet<EgressPurpose> = new Set(['zendesk', 'websocket', 'sip', 'carrier']);

/**
 * The one rule for connections whose target a tenant chooses. Public addresses pass; anything else needs an entry of
 * the operator in which host AND range AND port match. Metadata services and mapped addresses never pass.
 */
export const createEgressPolicy = (options: EgressPolicyOptions = {}): EgressPolicy => {
  const allow = options.allow ?? [];
  const developmentLoopback = (target: EgressTarget, kind: AddressClass): boolean =>
    kind === 'loopback' && options.loopbackOnly === true && loopbackPurposes.has(target.purpose);
  return {
    check(target, address) {
      const kind = addressClass(address);
      if (kind === 'public') return { allowed: true, addressClass: kind };
      const never = kind === 'metadata' || kind === 'mapped' || kind === 'invalid';
      if (!never && developmentLoopback(target, kind)) return { allowed: true, addressClass: kind };
      if (!never && allow.some((entry) => entry.matches(target.host, address, target.port))) {
        return { allowed: true, addressClass: kind };
      }
      const hint = never
        ? 'this can never be allowed'
        : `the operator can allow it with EGRESS_ALLOW="${target.host}|${address}|${target.port}"`;
      return {
        allowed: false,
        addressClass: kind,
        reason: `${target.host} leads to ${address}, ${descriptions[kind]}; ${hint}.`,
      };
    },
    plainHttpThinkable: (purpose) => plainPurposes.has(purpose),
    plainHttpAllowed: (target, address) =>
      plainPurposes.has(target.purpose) && developmentLoopback(target, addressClass(address)),
  };
};
