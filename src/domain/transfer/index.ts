export {
  type AttemptPorts,
  type AttemptRecord,
  type AttemptResult,
  type Dialer,
  type DialHooks,
  type DialResult,
  failedRecord,
  runAttempt,
  storePatience,
} from './attempt.js';
export { type CallPlan, planCall } from './call-plan.js';
export { type CallerIdentityPlan, callerIdentity, type FromReason } from './caller-identity.js';
export { type AfterFailure, afterFailure } from './failure-policy.js';
export {
  type DroppedHeader,
  dropReasons,
  type HeaderToSend,
  headerBudget,
  isReservedHeader,
  sendableHeaders,
} from './headers.js';
export {
  type AttemptOutcome,
  attemptOutcomes,
  type Failure,
  type FailureContext,
  givenUp,
  type InviteEnd,
  lineEndedEarly,
  outcomeOf,
} from './outcomes.js';
export { type PlanInput, planTransfer, type TicketReason, type TransferPlan, userOf } from './plan.js';
export { createReplays, type Replays } from './replays.js';
export type * from './views.js';
