import type { Clock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import { BULLETS, isSecretName } from '../../core/redaction.js';
import { type AttemptOutcome, type Failure, type InviteEnd, outcomeOf } from './outcomes.js';
import { planTransfer, type TransferPlan } from './plan.js';
import type { CallView, DestinationView, ProfileView, SessionFacts } from './views.js';

/** How long a transfer waits for the store when it builds its INVITE, ms (transfer.md T2). */
export const storePatience = 250;

/** One attempt as the session and the API show it (contract.md). */
export type AttemptRecord = {
  /** UUID. */
  readonly id: string;
  readonly state: 'trying' | 'ringing' | 'done';
  readonly destination: { readonly id: string; readonly name: string; readonly type: 'sip' | 'phone' };
  readonly outcome: AttemptOutcome | null;
  readonly sipStatus: number | null;
  readonly reason: string;
  readonly hint: string | null;
  readonly from: string;
  readonly fromReason: string;
  /** As sent; values that look like credentials by their name are hidden. */
  readonly headers: Readonly<Record<string, string>>;
  readonly ticketId: string | null;
  readonly ticketReason: string | null;
};

/** What went out, as far as it did. */
export type Sent = {
  /** The From without its tag. */
  readonly from: string;
  /** `received` the peer wrote into our Via: where it sees us. */
  readonly viaReceived: string | null;
};

export type DialResult<Leg> =
  | { readonly answered: true; readonly leg: Leg; readonly sipStatus: number; readonly sent: Sent | null }
  | { readonly answered: false; readonly end: InviteEnd; readonly sent: Sent | null };

export type DialHooks = {
  readonly signal: AbortSignal;
  /** Each provisional answer. */
  onProgress(status: number, reason: string): void;
};

/** Calls a destination as planned. Rejects only when the request could never be sent. */
export type Dialer<Leg> = (plan: TransferPlan, hooks: DialHooks) => Promise<DialResult<Leg>>;

export type AttemptPorts<Leg> = {
  readonly dial: Dialer<Leg>;
  readonly session: {
    /** Reads the session from the store within `timeout` ms; null when it does not answer. */
    read(timeout: number): Promise<SessionFacts | null>;
    /** The last this instance has seen. */
    lastKnown(): SessionFacts;
  };
  readonly clock: Clock;
};

export type AttemptInput = {
  readonly id: string;
  readonly call: CallView;
  readonly destination: DestinationView;
  readonly profile: ProfileView;
  readonly host: string;
  readonly summary: string | null;
  readonly allowListed: boolean;
  /** Where the world sees us, when no peer has said so. */
  readonly publicAddress: string;
  readonly signal: AbortSignal;
  /** Who aborted `signal`. */
  readonly cancelledBy: () => 'cancelled' | 'caller-hung-up';
  /** The record has changed: planned, ringing or done. */
  readonly onRecord: (record: AttemptRecord) => void;
  readonly onPlanned: (plan: TransferPlan | null) => void;
  readonly onProgress: (status: number, reason: string) => void;
};

export type AttemptResult<Leg> =
  | { readonly connected: true; readonly leg: Leg; readonly record: AttemptRecord }
  | { readonly connected: false; readonly failure: Failure; readonly record: AttemptRecord };

const hidden = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isSecretName(name) ? BULLETS : value]));

/** A read that is late or fails counts as no answer: a transfer never waits for the store. */
const readInTime = <Leg>({ session, clock }: AttemptPorts<Leg>): Promise<SessionFacts | null> =>
  new Promise((resolve) => {
    const timer = clock.after(storePatience, () => resolve(null));
    session.read(storePatience).then(
      (facts) => {
        timer.cancel();
        resolve(facts);
      },
      () => {
        timer.cancel();
        resolve(null);
      },
    );
  });

/** Told with success: the human may not know what the agent believes to have said. */
const summaryHint = (sent: TransferPlan['summary']): string | null => {
  if (sent === 'cut') return 'The summary was too long for a SIP header: the line got its beginning only.';
  return sent === 'dropped' ? 'There was no room for the summary in the SIP headers: the line did not get it.' : null;
};

/** The record of an attempt that is over. */
export const failedRecord = (record: AttemptRecord, failure: Failure): AttemptRecord => ({
  ...record,
  state: 'done',
  outcome: failure.outcome,
  sipStatus: failure.sipStatus,
  reason: failure.reason,
  hint: failure.hint,
});

/**
 * One attempt on one destination: reads the ticket, plans, dials and says how it ended. Never rejects: whatever goes
 * wrong is an outcome, since a caller is waiting.
 */
export const runAttempt = async <Leg>(ports: AttemptPorts<Leg>, input: AttemptInput): Promise<AttemptResult<Leg>> => {
  const { destination } = input;
  // A REFER carries nothing of what the store knows.
  const refers = destination.type === 'phone' && destination.method === 'refer';
  const read = refers ? ports.session.lastKnown() : await readInTime(ports);
  const plan = planTransfer({ ...input, facts: read ?? ports.session.lastKnown(), fresh: read !== null });
  let record: AttemptRecord = {
    id: input.id,
    state: 'trying',
    destination: { id: destination.id, name: destination.name, type: destination.type },
    outcome: null,
    sipStatus: null,
    reason: '',
    hint: null,
    from: plan?.from ?? '',
    fromReason: plan?.fromReason ?? 'unknown',
    headers: hidden(plan?.headers ?? {}),
    ticketId: plan?.ticketId ?? null,
    ticketReason: plan?.ticketReason ?? null,
  };
  const change = (next: AttemptRecord): AttemptRecord => {
    record = next;
    input.onRecord(record);
    return record;
  };
  const fail = (failure: Failure): AttemptResult<Leg> => ({
    connected: false,
    failure,
    record: change(failedRecord(record, failure)),
  });
  input.onPlanned(plan);
  change(record);
  if (plan === null) {
    return fail({
      outcome: 'failed',
      sipStatus: null,
      reason: 'There is no trunk to call this number through.',
      hint: 'Set `trunk` on the destination.',
    });
  }
  const { summary } = plan;
  let dialled: DialResult<Leg>;
  try {
    dialled = await ports.dial(plan, {
      signal: input.signal,
      onProgress: (status, reason) => {
        if (record.state === 'done') return;
        if (record.state === 'trying' && status >= 180) change({ ...record, state: 'ringing', sipStatus: status });
        input.onProgress(status, reason);
      },
    });
  } catch (error) {
    const known = isGatewayError(error);
    return fail({
      outcome: 'failed',
      sipStatus: null,
      reason: known ? error.message : 'The gateway could not place the call; its log has the cause.',
      hint: null,
    });
  }
  // The SIP server may have completed the host part.
  if (dialled.sent !== null) record = { ...record, from: dialled.sent.from };
  if (dialled.answered) {
    return {
      connected: true,
      leg: dialled.leg,
      record: change({
        ...record,
        state: 'done',
        outcome: 'connected',
        sipStatus: dialled.sipStatus,
        reason: 'The line answered.',
        hint: summaryHint(summary),
      }),
    };
  }
  return fail(
    outcomeOf(dialled.end, {
      cancelledBy: input.cancelledBy(),
      allowListed: input.allowListed,
      egressAddress: dialled.sent?.viaReceived ?? input.publicAddress,
    }),
  );
};
