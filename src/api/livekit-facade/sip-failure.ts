import type { TransferOutcomeName } from '../../domain/calls/ports.js';
import { type TwirpCode, TwirpFailure } from './twirp.js';

/** How a call that LiveKit's API asked for ended without an answer. */
export type SipFailure = {
  readonly outcome: TransferOutcomeName;
  readonly sipStatus: number | null;
  readonly reason: string;
  readonly hint: string | null;
};

/** By outcome, where no SIP status says more. */
const byOutcome: Readonly<Record<TransferOutcomeName, TwirpCode>> = {
  connected: 'internal',
  busy: 'resource_exhausted',
  'no-answer': 'deadline_exceeded',
  declined: 'permission_denied',
  unreachable: 'unavailable',
  rejected: 'invalid_argument',
  'caller-hung-up': 'aborted',
  cancelled: 'aborted',
  failed: 'internal',
  'not-available': 'unimplemented',
};

const byStatus: ReadonlyMap<number, TwirpCode> = new Map<number, TwirpCode>([
  [401, 'permission_denied'],
  [403, 'permission_denied'],
  [404, 'not_found'],
  [408, 'deadline_exceeded'],
  [410, 'not_found'],
  [480, 'resource_exhausted'],
  [604, 'not_found'],
]);

/**
 * The error that LiveKit's clients make a SipCallError of: `sip_status_code` and `sip_status` as LiveKit's own service
 * writes them, and the gateway's outcome and hint beside them.
 */
export const sipFailure = ({ outcome, sipStatus, reason, hint }: SipFailure): TwirpFailure =>
  new TwirpFailure(byStatus.get(sipStatus ?? 0) ?? byOutcome[outcome], reason, {
    ...(sipStatus === null ? {} : { sip_status_code: String(sipStatus), sip_status: reason }),
    outcome,
    ...(hint === null ? {} : { hint }),
  });
