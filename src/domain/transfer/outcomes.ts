/** How a transfer attempt ended, for the agent and for people (transfer.md T4). A closed set. */
export const attemptOutcomes = [
  'connected',
  'busy',
  'no-answer',
  'declined',
  'unreachable',
  'rejected',
  'caller-hung-up',
  'cancelled',
  'failed',
] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

/** How our INVITE (or what a REFER reported) ended without a call. */
export type InviteEnd = {
  /** Final status; null: none came. */
  readonly status: number | null;
  readonly reason: string;
  /** Made by our own SIP server (timer B, DNS, connect), not by the peer. */
  readonly local: boolean;
  readonly gaveUp: 'timeout' | 'aborted' | null;
};

export type Failure = {
  readonly outcome: Exclude<AttemptOutcome, 'connected'>;
  readonly sipStatus: number | null;
  readonly reason: string;
  readonly hint: string | null;
};

export type FailureContext = {
  /** Who gave up, when `gaveUp` is `aborted`. */
  readonly cancelledBy: 'cancelled' | 'caller-hung-up';
  /** The line admits calls by source address only (Zendesk SIP-IN, Twilio). */
  readonly allowListed: boolean;
  /** The address the other side sees us at: its `received`, else our public address. */
  readonly egressAddress: string;
};

type Kind = Failure['outcome'];

const unreachableStatuses = new Set([500, 502, 503, 504]);

/** The table of T4, by how the INVITE ended. */
const kindOf = (end: InviteEnd, cancelledBy: Kind): Kind => {
  const { status, local } = end;
  if (end.gaveUp === 'aborted') return cancelledBy;
  if (status === null) return local ? 'unreachable' : end.gaveUp === 'timeout' ? 'no-answer' : 'failed';
  if (local) return status === 408 || unreachableStatuses.has(status) ? 'unreachable' : 'failed';
  if (status === 486 || status === 600) return 'busy';
  if (status === 480 || status === 408) return 'no-answer';
  if (status === 487) return end.gaveUp === 'timeout' ? 'no-answer' : 'rejected';
  if (status === 603 || status === 607) return 'declined';
  if (unreachableStatuses.has(status)) return 'unreachable';
  if (status === 604 || status === 606 || (status >= 300 && status < 500)) return 'rejected';
  return 'failed';
};

const sentences: Readonly<Record<Kind, string>> = {
  busy: 'The line is busy.',
  'no-answer': 'Nobody answered.',
  declined: 'The call was declined.',
  unreachable: 'The line could not be reached.',
  rejected: 'The line refused the call.',
  'caller-hung-up': 'The caller hung up before anybody answered.',
  cancelled: 'The transfer was cancelled.',
  failed: 'The transfer failed.',
};

/** Local words that say more than the sentence of the kind; a peer's reason phrase is its own. */
const reasonOf = (kind: Kind, end: InviteEnd): string => {
  if (kind === 'caller-hung-up' || kind === 'cancelled') return sentences[kind];
  if (end.status !== null && !end.local) return `${sentences[kind]} (${end.status} ${end.reason})`.slice(0, 250);
  if (end.gaveUp === 'timeout' && kind === 'no-answer') return 'Nobody answered within the ring timeout.';
  return end.reason === '' ? sentences[kind] : `${sentences[kind]} (${end.reason})`.slice(0, 250);
};

const hintOf = (kind: Kind, end: InviteEnd, context: FailureContext): string | null => {
  const silent = end.local && (end.status === null || end.status === 408);
  if (context.allowListed && (silent || (end.status === 403 && !end.local))) {
    return `The line admits calls by address: ${context.egressAddress} must be on its list of allowed IP ranges.`;
  }
  if (kind === 'unreachable') {
    return end.local
      ? `Check the host, port and transport of the destination, and that a firewall lets ${context.egressAddress} through.`
      : 'The line or the carrier has a fault of its own; try again or use another destination.';
  }
  if (kind !== 'rejected') return null;
  const { status } = end;
  if (status === 401 || status === 407) return 'The line asks for credentials: set `digest` on the destination.';
  if (status !== null && status < 400)
    return 'The line redirects calls, and redirects are not followed: use the address it points to.';
  if (status === 415 || status === 488 || status === 606) {
    return 'Codecs or media security do not fit: check `secureMedia` and the codecs of the profile.';
  }
  if (status === 404 || status === 410 || status === 484 || status === 604) {
    return 'The line or number does not exist there: check the value of the destination.';
  }
  return 'Check the line, its list of allowed addresses, its codecs and whether it asks for secure media.';
};

/** What an INVITE that led to no call means for the agent and the caller. */
export const outcomeOf = (end: InviteEnd, context: FailureContext): Failure => {
  const outcome = kindOf(end, context.cancelledBy);
  return { outcome, sipStatus: end.status, reason: reasonOf(outcome, end), hint: hintOf(outcome, end, context) };
};

/** Somebody gave the transfer up while nobody was connected yet. */
export const givenUp = (by: FailureContext['cancelledBy']): Failure =>
  outcomeOf(
    { status: null, reason: 'given up', local: false, gaveUp: 'aborted' },
    { cancelledBy: by, allowListed: false, egressAddress: '' },
  );

/** A line that answered and hung up within `returnWithin`: nobody was there (transfer.md T4). */
export const lineEndedEarly: Failure = {
  outcome: 'no-answer',
  sipStatus: 200,
  reason: 'line-ended-early',
  hint: 'The line answered and hung up again before anybody could talk: is somebody available on it?',
};
