import type { ReadinessCheck } from '../api/index.js';
import type { SipServer } from '../telephony/sip/index.js';
import { sipReadiness } from './signalling.js';

/** What the gateway stands on, as `/readyz` tells it; `more`: what not every set-up has. */
export const readinessChecks = (of: {
  readonly redis: () => boolean;
  readonly sip: Pick<SipServer, 'connected' | 'servers'>;
  readonly draining: () => boolean;
  readonly more: () => readonly ReadinessCheck[];
}): readonly ReadinessCheck[] => [
  { name: 'redis', ok: of.redis(), ...(of.redis() ? {} : { reason: 'Redis does not answer' }) },
  sipReadiness(of.sip),
  { name: 'draining', ok: !of.draining(), ...(of.draining() ? { reason: 'the gateway is shutting down' } : {}) },
  ...of.more(),
];
