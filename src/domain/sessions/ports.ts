import type {
  CallerIdentity,
  Contact,
  EndReason,
  PhoneSession,
  RecordedPart,
  SessionDirection,
  SessionStatus,
  TimelineEntry,
  TimelineType,
} from './records.js';

/** What is known when a call arrives; the store adds id-like fields, contact and ticket number in one atomic step. */
export type SessionDraft = {
  readonly id: string;
  readonly orgId: string;
  readonly agentId: string;
  readonly direction: SessionDirection;
  readonly caller: CallerIdentity;
  readonly called: string;
  readonly sipCallId: string;
  readonly profile: string;
  readonly startedAt: number;
  /** False: the number neither makes nor finds a contact (withheld, Talk number, shared number: zendesk.md Z3). */
  readonly linkContact: boolean;
  readonly first: TimelineEntry;
  /** Live sessions the organization may have, this one included; null or left out: no limit. */
  readonly mostLive?: number | null;
};

/** A change of one session, applied as one atomic step. Absent fields stay. */
export type SessionChange = {
  readonly status?: SessionStatus;
  readonly answeredAt?: number;
  readonly endedAt?: number;
  readonly endReason?: EndReason;
  readonly transfer?: Readonly<Record<string, unknown>>;
  readonly attempts?: number;
  readonly authenticatedUser?: string;
  readonly contactId?: string;
  /** Merged into the attributes; null unsets one. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** All of them, each time. */
  readonly recordings?: readonly RecordedPart[];
  readonly quality?: Readonly<Record<string, unknown>>;
  readonly timeline?: readonly TimelineEntry[];
};

export type SessionQuery = {
  readonly orgId: string;
  readonly live?: boolean;
  readonly caller?: string;
  readonly ticket?: string;
  readonly endReason?: EndReason;
  /** Those with a recording only. */
  readonly recorded?: true;
  /** What the last transfer came to; `not-connected`: anything but `connected`. */
  readonly outcome?: string;
  readonly from?: number;
  readonly to?: number;
  /** 1-500. */
  readonly limit: number;
  readonly cursor?: string;
};

/** What a list tells of a session: all but what may be long. */
export type ListedSession = Omit<PhoneSession, 'attributes' | 'quality'>;
export type SessionPage = { readonly items: readonly ListedSession[]; readonly next: string | null };

/**
 * Phone sessions in Redis. The owner of a live session writes through a handle: its changes are numbered, applied in
 * order, kept in memory while Redis is away (bounded) and never applied twice.
 */
export type SessionStore = {
  /** Creates the session and takes ownership. Throws GatewayError store_unavailable at once when Redis is away. */
  create(draft: SessionDraft): Promise<OwnedSession>;
  get(orgId: string, id: string): Promise<PhoneSession | null>;
  /** Finds a session without knowing its organization (operator views, ownership routing). */
  locate(id: string): Promise<{ orgId: string; instanceId: string } | null>;
  bySipCallId(orgId: string, sipCallId: string): Promise<PhoneSession | null>;
  /** Live sessions of one caller, newest first. */
  liveByCaller(orgId: string, e164: string): Promise<readonly PhoneSession[]>;
  list(query: SessionQuery): Promise<SessionPage>;
  timeline(orgId: string, id: string): Promise<readonly TimelineEntry[]>;
  /** Appends to the timeline of a session this instance does not own (webhook, enrichment). Throws not_found. */
  note(orgId: string, id: string, entry: TimelineEntry): Promise<void>;
  /**
   * Puts a ticket id onto a live session that has none, together with `entry` on the timeline: one atomic step, so that
   * of two stamps at once exactly one wins. The owner hears of it at once.
   */
  stampTicket(
    orgId: string,
    id: string,
    ticketId: string,
    entry: TimelineEntry,
    /** The ticket gets a note at the end of the call. */
    noteAtEnd?: boolean,
  ): Promise<StampResult>;
  /**
   * A ticket of our own is being made for this session, until `until` (ms since the epoch) at the latest; null: no longer.
   * Zendesk's trigger may stamp it before whoever makes it can. Does nothing when there is no such session.
   */
  markCreating(orgId: string, id: string, until: number | null): Promise<void>;
  /** Whose making the ticket on a session is; `pending` while one of ours may yet turn out to be it. `now`: ms since the epoch. */
  ticketOrigin(orgId: string, id: string, now: number): Promise<'ours' | 'theirs' | 'pending'>;
  /**
   * Finds the live session of a webhook's phones and stamps its ticket, in one atomic step (match.lua); queues what is
   * to be done after. Throws store_unavailable.
   */
  stampMatching(orgId: string, request: MatchRequest): Promise<MatchResult>;
  /**
   * Takes a piece of work off the queue, with what its end says on the timeline; false when somebody else has done so.
   */
  settleWork(orgId: string, id: string, work: QueuedWork, end: WorkEnd): Promise<boolean>;
  /** A file of its recording is gone; false when the session has no such file. Throws store_unavailable. */
  forgetRecording(orgId: string, id: string, file: string, entry: TimelineEntry): Promise<boolean>;
  /** Where the enrichment of a session stands; null when nothing was ever to be enriched. */
  enrichmentState(orgId: string, id: string): Promise<'queued' | 'enriched' | 'failed' | null>;
  liveCount(): Promise<number>;
};

/** A piece of work as the queue gave it out (stream `zendesk-work` of the organization). */
export type QueuedWork = { readonly id: string; readonly group: string };

/** `enrichment` `none`: there was nothing to enrich from. */
export type WorkEnd = { readonly enrichment?: 'failed' | 'none'; readonly timeline: readonly TimelineEntry[] };

/** How the session of a webhook was found. */
export type TicketMatch = 'caller_phone' | 'requester_phone' | 'talk_number';

export type MatchRequest = {
  /** Nothing is done unless this field is in this hash: the key that signed the webhook's address, not yet revoked. */
  readonly guard: { readonly key: string; readonly field: string };
  /** ms since the epoch. */
  readonly at: number;
  readonly ticketId: string;
  /** The ticket's title, well-formed text; null when it is not known. It stands on the timeline. */
  readonly subject: string | null;
  /** Id of the delivery, the same in its retries; a retry of a success is answered from memory for an hour. */
  readonly invocation: string | null;
  /** In order of preference. `shared`: several callers stand behind the number, so two candidates are a tie. */
  readonly phones: readonly {
    readonly e164: string;
    readonly as: 'caller_phone' | 'requester_phone';
    readonly shared: boolean;
  }[];
  /** Talk numbers to match by when no phone does; `window` in ms since the start of the session. */
  readonly talk: { readonly numbers: readonly string[]; readonly window: number } | null;
  /** What becomes the caller of a session that is matched by Talk number. */
  readonly talkCaller: string | null;
  /** ms to keep the webhook for a session that is yet to come; 0: do not. */
  readonly hold: number;
  /** The ticket gets a note at the end of the call, and one more when the stamp comes after the transfer began. */
  readonly notes: boolean;
};

/** `candidates`: live sessions that could have been meant. */
export type MatchResult =
  | {
      readonly result: 'stamped' | 'already' | 'replayed' | 'other';
      readonly sessionId: string;
      /** The ticket the session carries now. */
      readonly ticketId: string;
      readonly match: string;
      readonly candidates: number;
    }
  | { readonly result: 'ambiguous'; readonly match: string; readonly candidates: number }
  | { readonly result: 'none' | 'held' | 'revoked' };

/** `stamped` and `already` are success; `other` names the ticket that is there and stays. */
export type StampResult =
  | { readonly result: 'stamped' | 'already' | 'other'; readonly ticketId: string }
  | { readonly result: 'ended' | 'missing'; readonly ticketId: null };

export type OwnedSession = {
  readonly id: string;
  /** The latest state this instance knows: its own writes, and stamps it has seen. */
  readonly snapshot: PhoneSession;
  readonly contact: Contact | null;
  /** Queues the change; the promise settles when it is in Redis. Callers on the call path do not await it. */
  change(change: SessionChange): Promise<void>;
  /** One timeline entry now. */
  note(type: TimelineType, data?: Readonly<Record<string, unknown>>): void;
  /** Reads the session from Redis within `timeout` ms; null when Redis does not answer (transfer.md T2). */
  refresh(timeout: number): Promise<PhoneSession | null>;
  /** Gives up ownership once the session has ended and its writes are in Redis or queued. */
  release(): void;
};

export type ContactStore = {
  get(orgId: string, id: string): Promise<Contact | null>;
  /** The contact a caller's number leads to. */
  byPhone(orgId: string, e164: string): Promise<Contact | null>;
  /** Newest first. `limit`: 1-500. Throws GatewayError bad_request for a cursor it did not give out. */
  list(query: { readonly orgId: string; readonly limit: number; readonly cursor?: string }): Promise<ContactPage>;
  /** Throws GatewayError conflict when another contact has the number. */
  create(orgId: string, change: ContactChange): Promise<Contact>;
  /** Null when there is none of this id. Throws GatewayError conflict when another contact has the number. */
  change(orgId: string, id: string, change: ContactChange): Promise<Contact | null>;
  /** False when there is none of this id. */
  remove(orgId: string, id: string): Promise<boolean>;
  /** Writes what Zendesk knows onto the contact of a session, finding or making one, in one atomic step (enrich.lua). */
  enrich(orgId: string, sessionId: string, request: EnrichRequest): Promise<EnrichResult>;
};

export type ContactPage = { readonly items: readonly Contact[]; readonly next: string | null };

/** Absent fields stay as they are; null takes one off. */
export type ContactChange = {
  /** ms since the epoch. */
  readonly at: number;
  readonly name?: string | null;
  readonly email?: string | null;
  readonly externalId?: string | null;
  /** E.164: a caller with this number is this contact. */
  readonly phone?: string | null;
  readonly customData?: Readonly<Record<string, string | null>>;
};

export type EnrichRequest = {
  /** ms since the epoch. */
  readonly at: number;
  /** Taken off the queue in the same step; nothing is done when it is off already. */
  readonly work: QueuedWork | null;
  readonly ticketId: string;
  readonly zendeskUserId: string;
  /** Fields to set; absent ones stay as they are. */
  readonly fields: Readonly<Partial<Record<'name' | 'email' | 'phone' | 'externalId', string>>>;
  readonly customData: ReadonlyMap<string, string>;
  /** The requester's number in E.164, to tell when another contact is known by it. */
  readonly phone: string | null;
  /** What becomes the caller of the session; null leaves it. */
  readonly caller: string | null;
  /** Further data of the timeline entry. */
  readonly notes: Readonly<Record<string, unknown>>;
};

export type EnrichResult = {
  readonly result: 'enriched' | 'unchanged' | 'gone' | 'missing';
  readonly contactId: string | null;
  readonly clashed: boolean;
};
