import { callerIdentity, type FromReason } from './caller-identity.js';
import { type DroppedHeader, type HeaderToSend, sendableHeaders } from './headers.js';
import { type SummarySent, summaryHeader } from './user-to-user.js';
import type { CallView, DestinationView, ProfileView, SessionFacts } from './views.js';

/**
 * Why a ticket id is or is not on the INVITE: null when it was read from the store and sent; `last-known` sent, but from
 * memory, since the store did not answer in time; else why none: nothing stamped, a telephone number never carries one,
 * the store was silent and nothing was known, or the id cannot stand in a header.
 */
export type TicketReason =
  | 'last-known'
  | 'not-stamped'
  | 'phone-destination'
  | 'store-unavailable'
  | 'not-sendable'
  | null;

/** Everything that goes onto the wire for one attempt, decided before anything does. */
export type TransferPlan = {
  readonly method: 'invite' | 'refer';
  /** Request-URI of the INVITE, or the URI in Refer-To. */
  readonly target: string;
  readonly from: string;
  readonly fromReason: FromReason;
  readonly headers: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedHeader[];
  readonly ticketId: string | null;
  readonly ticketReason: TicketReason;
  /** What the line is told of the agent's summary. */
  readonly summary: SummarySent;
  /** ms. */
  readonly ringTimeout: number;
};

export type PlanInput = {
  readonly call: CallView;
  readonly destination: DestinationView;
  readonly profile: ProfileView;
  readonly facts: SessionFacts;
  /** False: the store did not answer in time and `facts` are the last this instance has seen. */
  readonly fresh: boolean;
  /** Host part of our identities. */
  readonly host: string;
  /** What the agent tells the human; goes as User-to-User (RFC 7433). */
  readonly summary: string | null;
};

/** A number behind a trunk: `sip:+E164@trunk[:port][;parameters]`. */
const behindTrunk = (number: string, trunk: string): string => {
  const rest = trunk.replace(/^sip:/i, '');
  return `sip:${number}@${rest.slice(rest.lastIndexOf('@') + 1)}`;
};

/** Null: a telephone number that is to be called, and no trunk to call it through. */
export const targetOf = ({ type, value, trunk, method }: DestinationView): string | null => {
  if (type === 'sip') return value;
  if (trunk !== null) return behindTrunk(value, trunk);
  return method === 'refer' ? `tel:${value}` : null;
};

/** The plan of one attempt; null when the destination cannot be called at all for want of a trunk. */
export const planTransfer = (input: PlanInput): TransferPlan | null => {
  const { call, destination, profile } = input;
  const target = targetOf(destination);
  if (target === null) return null;
  const ringTimeout = Math.round(destination.ringTimeout * 1_000);
  if (destination.method === 'refer' && destination.type === 'phone') {
    // Carriers drop headers of ours on a REFER, and the call they make is theirs: none is sent (transfer.md T3).
    return {
      method: 'refer',
      target,
      from: '',
      fromReason: 'refer',
      headers: {},
      dropped: [],
      ticketId: null,
      ticketReason: 'phone-destination',
      summary: 'none',
      ringTimeout,
    };
  }
  const identity = callerIdentity({ called: call.called, caller: input.facts.caller }, destination, profile);
  const toSip = destination.type === 'sip';
  const ticketId = toSip ? input.facts.ticketId : null;
  const ticketNames = ticketId === null ? [] : ['X-OPENCX-ZENDESK-TICKET-ID', ...profile.ticketHeaders];
  const ours = (name: string, value: string | null): HeaderToSend[] =>
    value === null ? [] : [{ name, value, ours: true }];
  const wanted: readonly HeaderToSend[] = [
    ...ours('X-OPENCX-SESSION-ID', call.sessionId),
    ...ours('X-OPENCX-AGENT-ID', call.agentId),
    ...ours('X-OPENCX-TRANSFER', 'true'),
    ...ticketNames.flatMap((name) => ours(name, ticketId)),
    ...ours('X-OPENCX-CONTACT-ID', input.facts.contactId),
    ...Object.entries(destination.headers).map(([name, value]) => ({ name, value, ours: false })),
  ];
  const summary = summaryHeader(toSip ? input.summary : null, sendableHeaders(wanted, profile.ticketHeaders).left);
  const { headers, dropped } = sendableHeaders(
    [...wanted, ...(summary.header === null ? [] : [summary.header])],
    profile.ticketHeaders,
  );
  // A destination may have a header of this name.
  const lost = summary.header !== null && headers[summary.header.name] !== summary.header.value;
  const carried = ticketNames.length > 0 && ticketNames.every((name) => headers[name] !== undefined);
  return {
    method: 'invite',
    target,
    from: `<sip:${identity.from}@${input.host}>`,
    fromReason: identity.reason,
    headers: {
      ...headers,
      ...(identity.asserted === null ? {} : { 'P-Asserted-Identity': `<sip:${identity.asserted}@${input.host}>` }),
      ...(identity.diverting === null
        ? {}
        : { Diversion: `<sip:${identity.diverting}@${input.host}>;reason=unconditional` }),
    },
    dropped,
    ticketId: carried ? ticketId : null,
    ticketReason: ticketReasonOf(toSip, ticketId, carried, input.fresh),
    summary: lost ? 'dropped' : summary.sent,
    ringTimeout,
  };
};

const ticketReasonOf = (toSip: boolean, ticketId: string | null, carried: boolean, fresh: boolean): TicketReason => {
  if (!toSip) return 'phone-destination';
  if (ticketId === null) return fresh ? 'not-stamped' : 'store-unavailable';
  if (!carried) return 'not-sendable';
  return fresh ? null : 'last-known';
};

/** User part of a From that a plan made. */
export const userOf = (from: string): string => /^<sip:([^@>]*)@/.exec(from)?.[1] ?? '';
