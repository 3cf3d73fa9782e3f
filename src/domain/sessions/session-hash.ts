import { isRecord, jsonRecord, jsonText, jsonValue } from './json.js';
import type { ListedSession, SessionChange, SessionDraft } from './ports.js';
import {
  type CallerIdentity,
  type EndReason,
  endReasons,
  type PhoneSession,
  type RecordedPart,
  type SessionStatus,
  type TimelineEntry,
  type TimelineType,
  timelineTypes,
} from './records.js';

/** Attributes are fields of their own, so that a change carries only what changed: `a:<name>` = JSON. */
const attributePrefix = 'a:';

const statuses: readonly SessionStatus[] = ['ringing', 'active', 'transferring', 'transferred', 'ended'];
const isStatus = (text: string | undefined): text is SessionStatus => statuses.some((each) => each === text);
const isEndReason = (text: string | undefined): text is EndReason => endReasons.some((each) => each === text);
const isTimelineType = (text: string | undefined): text is TimelineType => timelineTypes.some((each) => each === text);

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const number = (text: string | undefined): number | null => {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
};

const decodeCaller = (text: string | undefined): CallerIdentity => callerOf(jsonRecord(text) ?? {});

const isPart = (value: unknown): value is RecordedPart =>
  isRecord(value) &&
  typeof value.part === 'number' &&
  typeof value.at === 'number' &&
  [value.file, value.store, value.host].every((each) => typeof each === 'string');

const decodeRecordings = (text: string | undefined): readonly RecordedPart[] => {
  const value = text === undefined ? [] : jsonValue(text);
  return Array.isArray(value) ? value.filter(isPart) : [];
};

/** A caller from the value its JSON text holds. */
export const callerOf = (value: Readonly<Record<string, unknown>>): CallerIdentity => {
  return {
    e164: textOrNull(value.e164),
    raw: textOrNull(value.raw) ?? '',
    display: textOrNull(value.display),
    withheld: value.withheld === true,
    ...(value.source === 'zendesk' ? { source: 'zendesk' } : {}),
  };
};

/** The fields of a draft as they are first written. */
export const draftFields = (draft: SessionDraft, instanceId: string): string[] => [
  ...['id', draft.id, 'orgId', draft.orgId, 'agentId', draft.agentId, 'direction', draft.direction],
  ...['caller', jsonText(draft.caller), 'called', draft.called, 'sipCallId', draft.sipCallId, 'profile', draft.profile],
  ...['status', 'ringing', 'startedAt', String(draft.startedAt), 'attempts', '0', 'instanceId', instanceId],
];

/** A session as it is right after its creation: what its draft says, and what the store made of it. */
export const startedSession = (
  draft: SessionDraft,
  made: Pick<PhoneSession, 'ticketNumber' | 'contactId' | 'zendeskTicketId' | 'instanceId'>,
): PhoneSession => ({
  id: draft.id,
  ticketNumber: made.ticketNumber,
  orgId: draft.orgId,
  agentId: draft.agentId,
  contactId: made.contactId,
  direction: draft.direction,
  caller: draft.caller,
  called: draft.called,
  sipCallId: draft.sipCallId,
  profile: draft.profile,
  status: 'ringing',
  zendeskTicketId: made.zendeskTicketId,
  startedAt: draft.startedAt,
  answeredAt: null,
  endedAt: null,
  endReason: null,
  transfer: null,
  attempts: 0,
  authenticatedUser: null,
  instanceId: made.instanceId,
  attributes: {},
  recordings: [],
  quality: null,
});

/** What a change sets and unsets in the hash. */
export type HashChange = { readonly sets: ReadonlyMap<string, string>; readonly unsets: ReadonlySet<string> };

/** A change as fields of the hash. */
export const changeFields = (change: SessionChange): HashChange => {
  const sets = new Map<string, string>();
  const unsets = new Set<string>();
  if (change.status !== undefined) sets.set('status', change.status);
  if (change.answeredAt !== undefined) sets.set('answeredAt', String(change.answeredAt));
  if (change.endedAt !== undefined) sets.set('endedAt', String(change.endedAt));
  if (change.endReason !== undefined) sets.set('endReason', change.endReason);
  if (change.transfer !== undefined) sets.set('transfer', jsonText(change.transfer));
  if (change.attempts !== undefined) sets.set('attempts', String(change.attempts));
  if (change.authenticatedUser !== undefined) sets.set('authenticatedUser', change.authenticatedUser);
  if (change.contactId !== undefined) sets.set('contactId', change.contactId);
  if (change.recordings !== undefined) sets.set('recordings', jsonText(change.recordings));
  if (change.quality !== undefined) sets.set('quality', jsonText(change.quality));
  for (const [name, value] of Object.entries(change.attributes ?? {})) {
    if (value === null || value === undefined) unsets.add(attributePrefix + name);
    else sets.set(attributePrefix + name, jsonText(value));
  }
  return { sets, unsets };
};

/** The session with a change applied, as the owner knows it before Redis has it. */
export const withChange = (session: PhoneSession, change: SessionChange): PhoneSession => {
  const { timeline: _timeline, attributes, ...fields } = change;
  if (attributes === undefined) return { ...session, ...fields };
  const merged = new Map(Object.entries(session.attributes));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) merged.delete(name);
    else merged.set(name, value);
  }
  return { ...session, ...fields, attributes: Object.fromEntries(merged) };
};

/**
 * The whole session as fields, for the case that Redis lost it. A session that has ended in memory is written as live:
 * its end is still among the numbered changes and follows.
 */
export const sessionFields = (session: PhoneSession): string[] => {
  const fields = new Map<string, string>();
  const put = (name: string, value: string | number | null): void => {
    if (value !== null) fields.set(name, String(value));
  };
  const { caller, transfer, quality, attributes, recordings, status, ...others } = session;
  const { endedAt: _endedAt, endReason: _endReason, ...plain } = others;
  for (const [name, value] of Object.entries(plain)) put(name, value);
  put('status', status === 'ended' ? 'active' : status);
  put('caller', jsonText(caller));
  if (transfer !== null) put('transfer', jsonText(transfer));
  if (quality !== null) put('quality', jsonText(quality));
  if (recordings.length > 0) put('recordings', jsonText(recordings));
  for (const [name, value] of Object.entries(attributes)) put(attributePrefix + name, jsonText(value));
  return [...fields].flat();
};

/** The fields of the hash that a list shows, in the order a list reads them. */
export const listedFields = [
  ...['id', 'ticketNumber', 'orgId', 'agentId', 'contactId', 'direction', 'caller', 'called', 'sipCallId', 'profile'],
  ...['status', 'zendeskTicketId', 'startedAt', 'answeredAt', 'endedAt', 'endReason', 'transfer', 'attempts'],
  ...['authenticatedUser', 'instanceId', 'recordings'],
] as const;

/** A session as lists show it, from its fields; null when there is none. */
export const decodeListed = (fields: ReadonlyMap<string, string>): ListedSession | null => {
  const text = (name: string): string => fields.get(name) ?? '';
  const optional = (name: string): string | null => fields.get(name) ?? null;
  const status = fields.get('status');
  if (!isStatus(status)) return null;
  const endReason = fields.get('endReason');
  return {
    id: text('id'),
    ticketNumber: number(fields.get('ticketNumber')) ?? 0,
    orgId: text('orgId'),
    agentId: text('agentId'),
    contactId: optional('contactId'),
    direction: fields.get('direction') === 'outbound' ? 'outbound' : 'inbound',
    caller: decodeCaller(fields.get('caller')),
    called: text('called'),
    sipCallId: text('sipCallId'),
    profile: text('profile'),
    status,
    zendeskTicketId: optional('zendeskTicketId'),
    startedAt: number(fields.get('startedAt')) ?? 0,
    answeredAt: number(fields.get('answeredAt')),
    endedAt: number(fields.get('endedAt')),
    endReason: isEndReason(endReason) ? endReason : null,
    transfer: jsonRecord(fields.get('transfer')),
    attempts: number(fields.get('attempts')) ?? 0,
    authenticatedUser: optional('authenticatedUser'),
    instanceId: text('instanceId'),
    recordings: decodeRecordings(fields.get('recordings')),
  };
};

/** Reads a session from its hash; null when there is none. */
export const decodeSession = (fields: ReadonlyMap<string, string>): PhoneSession | null => {
  const listed = decodeListed(fields);
  if (listed === null) return null;
  const attributes: [string, unknown][] = [];
  for (const [name, value] of fields) {
    if (name.startsWith(attributePrefix)) attributes.push([name.slice(attributePrefix.length), jsonValue(value)]);
  }
  return { ...listed, attributes: Object.fromEntries(attributes), quality: jsonRecord(fields.get('quality')) };
};

/** Reads one entry of the timeline stream; null for a type this version does not know. */
export const decodeTimelineEntry = (fields: ReadonlyMap<string, string>): TimelineEntry | null => {
  const type = fields.get('type');
  if (!isTimelineType(type)) return null;
  return { at: number(fields.get('at')) ?? 0, type, data: jsonRecord(fields.get('data')) ?? {} };
};
