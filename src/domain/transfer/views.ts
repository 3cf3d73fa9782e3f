/**
 * What a transfer must know of the rest, by structure: this folder imports core only, so that a whole transfer can be
 * judged without a socket, a store or a directory.
 */

/** A destination as its organization describes it. Durations are seconds, as in the document. */
export type DestinationView = {
  readonly id: string;
  readonly name: string;
  readonly type: 'sip' | 'phone';
  /** A SIP URI, or E.164 for a telephone number. */
  readonly value: string;
  readonly profile: string | null;
  /** SIP URI of the trunk for a telephone number. */
  readonly trunk: string | null;
  readonly method: 'invite' | 'refer';
  readonly callerId: 'caller' | 'called' | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly secureMedia: boolean;
  readonly ringTimeout: number;
  readonly onFailure: 'return' | 'next' | 'hangup';
  readonly next: string | null;
  readonly returnWithin: number;
};

/** The outbound rules of the SIP profile a destination is called with. */
export type ProfileView = {
  readonly name: string;
  readonly callerId: 'caller' | 'called';
  readonly assertedIdentity: boolean;
  readonly diversion: boolean;
  /** Further names under which a ticket id is sent. */
  readonly ticketHeaders: readonly string[];
};

/** The call that is transferred. */
export type CallView = {
  readonly sessionId: string;
  readonly agentId: string;
  /** E.164 of the number the caller dialled. */
  readonly called: string;
};

/** What the store says of a session at the moment an INVITE is built: a webhook may have told more than the call did. */
export type SessionFacts = {
  readonly ticketId: string | null;
  readonly contactId: string | null;
  readonly caller: { readonly e164: string | null; readonly withheld: boolean };
};
