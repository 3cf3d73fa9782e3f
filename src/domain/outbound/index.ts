export {
  createOutboundGuard,
  type OutboundAsker,
  type OutboundGuard,
  type OutboundRefusal,
  outboundRefusals,
} from './guard.js';
export type { OutboundLease, OutboundUsage } from './meter.js';
export { defaultPolicy, type OutboundPolicy, outboundPolicySchema } from './policy.js';
export { type CallTarget, isSameTarget, readTarget } from './target.js';
