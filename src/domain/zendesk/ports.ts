import type { MatchRequest, MatchResult } from '../sessions/index.js';
import type { EventPayload } from './prefetch-payload.js';

/** What the prefetch may ask of the session store. */
export type MatchStore = {
  stampMatching(orgId: string, request: MatchRequest): Promise<MatchResult>;
};

/** What a ticket says about the call it was made for. */
export type TicketCall =
  | { readonly kind: 'call'; readonly callerPhone: string | null; readonly requesterPhone: string | null }
  | { readonly kind: 'not-a-call'; readonly why: string };

/** Reads over REST what an event does not carry. Throws GatewayError zendesk_unavailable or zendesk_refused. */
export type TicketCallReader = (orgId: string, event: EventPayload, signal: AbortSignal) => Promise<TicketCall>;

export type EnrichmentState = 'queued' | 'enriched' | 'failed' | 'none';

/** What follows a stamp. */
export type AfterStamp = {
  /** There is work in the organization's queue. */
  wake(orgId: string): void;
  /** Where the enrichment of a session stands after at most `timeout` ms of waiting for its end. */
  settled(orgId: string, sessionId: string, timeout: number, signal: AbortSignal): Promise<EnrichmentState>;
};

/** One webhook and its answer, as an administrator wants to see it. */
export type Delivery = {
  /** ms since the epoch. */
  readonly at: number;
  readonly status: number;
  readonly success: boolean;
  readonly message: string;
  readonly ticketId: string | null;
  readonly sessionId: string | null;
  readonly invocation: string | null;
  /** ms from the request to the answer. */
  readonly took: number;
};

export type DeliveryLog = {
  /** Never fails and is never waited for. */
  add(orgId: string, delivery: Delivery): void;
  /** The last ones, newest first. */
  last(orgId: string): Promise<readonly Delivery[]>;
};

export type PrefetchResult = 'stamped' | 'already' | 'held' | 'no-match' | 'ambiguous' | 'refused' | 'error';
