import type { EndReason, SessionStatus } from '../sessions/records.js';
import { type CallEvent, type CallState, initialCall, transition } from './machine.js';

const statusMeanings: Readonly<Record<SessionStatus, string>> = {
  ringing: 'Nobody has answered: the agent is being had, or the person we call has not picked up.',
  active: 'The person and the agent talk, or what stands in for the agent.',
  transferring: 'A destination is called; person and agent may still talk until it rings.',
  transferred: 'The person talks to the destination.',
  ended: 'The call is over and `endReason` says why. It does not change any more.',
};

const reasonMeanings: Readonly<Record<EndReason, string>> = {
  'caller-hangup': 'The person at the other end hung up.',
  'agent-hangup': 'The agent ended the call, or the carrier took the caller over (REFER).',
  'destination-hangup': 'The destination of a transfer hung up, or failed and the call was to end then.',
  'api-hangup': 'It was ended by the API, the console or the command line.',
  cancelled: 'Given up before it was answered.',
  rejected: 'The person we called, or their carrier, refused.',
  'no-media': 'No sound came for as long as the profile allows.',
  'max-duration': '`limits.maxCallDuration`, or the limit of the outbound policy.',
  drain: 'The instance ended, and the call lasted longer than `limits.drainTimeout`.',
  'instance-lost': 'The instance that had the call is gone; another one closed the session.',
  error: 'Something failed; the last entry of the timeline has the detail.',
};

/** What happens, and every form of it that may lead elsewhere. */
const happenings: {
  readonly [T in CallEvent['type']]: {
    readonly says: string;
    readonly forms: readonly Extract<CallEvent, { type: T }>[];
  };
} = {
  accepted: {
    says: 'the call is let in',
    forms: [
      { type: 'accepted', answers: 'at-once' },
      { type: 'accepted', answers: 'when-ready' },
    ],
  },
  dialled: {
    says: 'we call somebody',
    forms: [
      { type: 'dialled', agentFirst: true },
      { type: 'dialled', agentFirst: false },
    ],
  },
  'not-answered': {
    says: 'the person we call does not answer',
    forms: [
      { type: 'not-answered', reason: 'rejected' },
      { type: 'not-answered', reason: 'cancelled' },
      { type: 'not-answered', reason: 'error' },
    ],
  },
  'agent-ready': { says: 'the agent is there', forms: [{ type: 'agent-ready' }] },
  'agent-left': {
    says: 'the agent leaves or is lost',
    forms: [
      { type: 'agent-left', failed: true },
      { type: 'agent-left', failed: false },
    ],
  },
  'agent-replaced': { says: 'somebody takes the place of the agent', forms: [{ type: 'agent-replaced' }] },
  acknowledged: { says: 'the call is answered and agreed upon', forms: [{ type: 'acknowledged' }] },
  'answer-failed': {
    says: 'the answer leads to no dialog',
    forms: [
      { type: 'answer-failed', cancelled: true, detail: '' },
      { type: 'answer-failed', cancelled: false, detail: '' },
    ],
  },
  cancelled: { says: 'the caller gives up before the answer', forms: [{ type: 'cancelled' }] },
  'caller-left': { says: 'the person hangs up', forms: [{ type: 'caller-left' }] },
  'caller-lost': { says: 'the dialog with the person is lost', forms: [{ type: 'caller-lost', detail: '' }] },
  'media-lost': { says: 'no sound comes any more', forms: [{ type: 'media-lost' }] },
  'media-failed': { says: 'the media fails', forms: [{ type: 'media-failed' }] },
  'hang-up': {
    says: 'we end it',
    forms: (['agent-hangup', 'api-hangup', 'max-duration', 'drain', 'error'] as const).map((reason) => ({
      type: 'hang-up',
      reason,
    })),
  },
  'transfer-started': { says: 'a transfer is begun', forms: [{ type: 'transfer-started' }] },
  'transfer-ringing': { says: 'the destination rings', forms: [{ type: 'transfer-ringing' }] },
  'transfer-connected': {
    says: 'the destination answers',
    forms: [
      { type: 'transfer-connected', keepAgent: true },
      { type: 'transfer-connected', keepAgent: false },
    ],
  },
  'transfer-settled': { says: 'the destination has stayed for a while', forms: [{ type: 'transfer-settled' }] },
  'transfer-failed': {
    says: 'the transfer fails',
    forms: [
      { type: 'transfer-failed', step: 'return' },
      { type: 'transfer-failed', step: 'hang-up' },
    ],
  },
  'transfer-handed-over': {
    says: 'the carrier takes the caller over',
    forms: [{ type: 'transfer-handed-over' }],
  },
  'destination-left': {
    says: 'the destination hangs up',
    forms: [
      { type: 'destination-left', step: 'end' },
      { type: 'destination-left', step: 'return' },
      { type: 'destination-left', step: 'next' },
    ],
  },
};

const events: readonly CallEvent[] = Object.values(happenings).flatMap(({ forms }): readonly CallEvent[] => forms);

type Edge = { readonly from: SessionStatus; readonly to: SessionStatus; readonly event: CallEvent['type'] };

/** Every change of status the machine can make, by walking through all states it can come to. */
const edgesOf = (): { readonly edges: readonly Edge[]; readonly reasons: ReadonlySet<EndReason> } => {
  const seen = new Map<string, CallState>([[JSON.stringify(initialCall), initialCall]]);
  const edges = new Map<string, Edge>();
  const reasons = new Set<EndReason>();
  // A Map gives what is added while it is walked through as well.
  for (const state of seen.values()) {
    for (const event of events) {
      const { state: next } = transition(state, event);
      seen.set(JSON.stringify(next), next);
      if (next.endReason !== null) reasons.add(next.endReason);
      if (next.status === state.status) continue;
      const edge = { from: state.status, to: next.status, event: event.type };
      edges.set(JSON.stringify(edge), edge);
    }
  }
  return { edges: [...edges.values()], reasons };
};

/** The page of states of the reference, made by walking through the machine that calls go by. */
export const stateReference = (): string => {
  const { edges, reasons } = edgesOf();
  const statuses = Object.keys(statusMeanings) as SessionStatus[];
  const rows = statuses.flatMap((from) =>
    statuses.flatMap((to) => {
      const why = Object.entries(happenings).filter(([type]) =>
        edges.some((edge) => edge.from === from && edge.to === to && edge.event === type),
      );
      return why.length === 0 ? [] : [`| \`${from}\` | \`${to}\` | ${why.map(([, { says }]) => says).join('; ')} |`];
    }),
  );
  const ends = (Object.entries(reasonMeanings) as [EndReason, string][]).map(
    ([reason, meaning]) =>
      `| \`${reason}\` | ${meaning}${reasons.has(reason) ? '' : ' Written by others than the call itself.'} |`,
  );
  return `# States of a call

A phone session has one \`status\`; what happens in between is on its timeline ([events](events.md)). This page is made by walking
through every state the call's machine can come to.

| status | meaning |
|---|---|
${statuses.map((status) => `| \`${status}\` | ${statusMeanings[status]} |`).join('\n')}

## What leads from one to the other

| from | to | when |
|---|---|---|
${rows.join('\n')}

A transfer that fails brings the caller back to the agent with outcome and hint, or ends the call, as the destination's
\`onFailure\` says; a destination that hangs up within \`returnWithin\` counts as one that did not answer.

## Why it ended

| \`endReason\` | meaning |
|---|---|
${ends.join('\n')}
`;
};
