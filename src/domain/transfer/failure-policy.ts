import type { AttemptOutcome } from './outcomes.js';
import type { DestinationView } from './views.js';

/** What becomes of the caller after an attempt that failed. */
export type AfterFailure =
  | { readonly step: 'return' }
  | { readonly step: 'next'; readonly destination: string }
  | { readonly step: 'hang-up' }
  /** The caller has gone: there is nobody to do anything for. */
  | { readonly step: 'nothing' };

/**
 * The policy of transfer.md T4. A cancelled transfer returns whatever the destination says: somebody wants the caller
 * back with the agent. A `next` that has been tried already would ring in circles, so the caller returns.
 */
export const afterFailure = (
  destination: Pick<DestinationView, 'onFailure' | 'next'>,
  outcome: Exclude<AttemptOutcome, 'connected'>,
  tried: readonly string[],
): AfterFailure => {
  if (outcome === 'caller-hung-up') return { step: 'nothing' };
  if (outcome === 'cancelled' || destination.onFailure === 'return') return { step: 'return' };
  if (destination.onFailure === 'hangup') return { step: 'hang-up' };
  return destination.next === null || tried.includes(destination.next)
    ? { step: 'return' }
    : { step: 'next', destination: destination.next };
};
