import { type DroppedHeader, sendableHeaders } from './headers.js';
import { targetOf } from './plan.js';
import type { DestinationView, ProfileView } from './views.js';

/** Everything that goes onto the wire for a call of ours to somebody. */
export type CallPlan = {
  readonly target: string;
  readonly from: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedHeader[];
  /** ms. */
  readonly ringTimeout: number;
};

/**
 * The plan of an outbound call: by the same trunk and header rules as a transfer, but in our own name, since nobody is
 * called for somebody else. Null when there is no trunk to call the number through.
 */
export const planCall = (input: {
  readonly sessionId: string;
  readonly agentId: string;
  /** E.164 of the number of ours that calls. */
  readonly number: string;
  readonly destination: DestinationView;
  readonly profile: Pick<ProfileView, 'assertedIdentity' | 'ticketHeaders'>;
  /** Host part of our identity. */
  readonly host: string;
  /** Further headers the client asked for. */
  readonly headers: Readonly<Record<string, string>>;
}): CallPlan | null => {
  const { destination, number, host } = input;
  const target = targetOf({ ...destination, method: 'invite' });
  if (target === null) return null;
  const theirs = { ...destination.headers, ...input.headers };
  const { headers, dropped } = sendableHeaders(
    [
      { name: 'X-OPENCX-SESSION-ID', value: input.sessionId, ours: true },
      { name: 'X-OPENCX-AGENT-ID', value: input.agentId, ours: true },
      ...Object.entries(theirs).map(([name, value]) => ({ name, value, ours: false })),
    ],
    input.profile.ticketHeaders,
  );
  const from = `<sip:${number}@${host}>`;
  return {
    ...{ target, from, dropped },
    headers: { ...headers, ...(input.profile.assertedIdentity ? { 'P-Asserted-Identity': from } : {}) },
    ringTimeout: Math.round(destination.ringTimeout * 1_000),
  };
};
