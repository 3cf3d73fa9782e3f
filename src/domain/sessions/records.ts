/** What the product knows of a call. Times are milliseconds since the epoch inside; the API writes ISO 8601 UTC. */

export type SessionStatus = 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';

export const endReasons = [
  'caller-hangup',
  'destination-hangup',
  'agent-hangup',
  'api-hangup',
  'cancelled',
  'rejected',
  'no-media',
  'max-duration',
  'drain',
  'instance-lost',
  'error',
] as const;
export type EndReason = (typeof endReasons)[number];

/** Who calls, as far as the carrier and the caller let us know. */
export type CallerIdentity = {
  /** E.164 with `+`; null when it is withheld or not a telephone number. */
  readonly e164: string | null;
  /** The value the number was read from, as received; empty when withheld by leaving it out. */
  readonly raw: string;
  readonly display: string | null;
  /** True: the number is used for nothing (no contact, no From, no match), even when the carrier asserted one. */
  readonly withheld: boolean;
  /** Set when the number did not come with the call: Zendesk told it of a call forwarded under a Talk number. */
  readonly source?: 'zendesk';
};

export type SessionDirection = 'inbound' | 'outbound';

/** Where a recording lies: a folder, and the machine on which it was written. */
export type RecordingStore = {
  /** Id of the folder: the same for every instance that has it, and for one that is started again. */
  readonly store: string;
  /** For people, when nobody has the folder any more. */
  readonly host: string;
};

/** A file of the recording of a call: what was recorded from one start to its stop. */
export type RecordedPart = RecordingStore & {
  /** 1, 2, …; a part that was deleted leaves its number free. */
  readonly part: number;
  /** Name in the folder. */
  readonly file: string;
  /** When it began, ms since the epoch. */
  readonly at: number;
};

export type PhoneSession = {
  /** UUID. */
  readonly id: string;
  /** Numeric, unique in the organization, counting up. */
  readonly ticketNumber: number;
  readonly orgId: string;
  readonly agentId: string;
  readonly contactId: string | null;
  readonly direction: SessionDirection;
  /** The person at the other end, whoever called whom: contact, webhook and transfer go by their number. */
  readonly caller: CallerIdentity;
  /** E.164 of our number: the one that was dialled, or the one we call from. */
  readonly called: string;
  readonly sipCallId: string;
  readonly profile: string;
  readonly status: SessionStatus;
  readonly zendeskTicketId: string | null;
  readonly startedAt: number;
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly endReason: EndReason | null;
  /** The last transfer attempt as JSON value (shape: domain/transfer), and how many there were. */
  readonly transfer: Readonly<Record<string, unknown>> | null;
  readonly attempts: number;
  readonly authenticatedUser: string | null;
  /** The instance that owns the call. */
  readonly instanceId: string;
  /** User context of the actions: lives as long as the session. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly recordings: readonly RecordedPart[];
  /** Media quality by leg at the end of the call, as JSON value. */
  readonly quality: Readonly<Record<string, unknown>> | null;
};

/** Closed set of what a timeline can say. */
export const timelineTypes = [
  'call.received',
  'call.placed',
  'call.ringing',
  'call.answered',
  'call.rejected',
  'call.ended',
  'agent.started',
  'agent.said',
  'agent.asked',
  'agent.failed',
  'agent.lost',
  'agent.resumed',
  'agent.left',
  'dtmf.received',
  'dtmf.sent',
  'media.started',
  'media.held',
  'media.resumed',
  'media.lost',
  'signalling.lost',
  'media.relayed',
  'media.returned',
  'media.kept',
  'media.quality',
  'recording.started',
  'recording.paused',
  'recording.resumed',
  'recording.stopped',
  'recording.deleted',
  'prefetch.held',
  'prefetch.stamped',
  'prefetch.refused',
  'contact.linked',
  'contact.enriched',
  'contact.clash',
  'enrichment.failed',
  'action.run',
  'ticket.created',
  'ticket.noted',
  'ticket.failed',
  'transfer.started',
  'transfer.ringing',
  'transfer.announced',
  'transfer.connected',
  'transfer.failed',
  'transfer.cancelled',
  'header.dropped',
  'store.lost',
  'store.restored',
  'session.revived',
] as const;
export type TimelineType = (typeof timelineTypes)[number];

export type TimelineEntry = {
  /** ms since the epoch. */
  readonly at: number;
  readonly type: TimelineType;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Contact = {
  /** UUID. */
  readonly id: string;
  readonly orgId: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly externalId: string | null;
  readonly zendeskUserId: string | null;
  /** Values are strings; nested values are JSON text. */
  readonly customData: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly updatedAt: number;
};
