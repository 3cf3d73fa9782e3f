import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { type Found, findMember, type Scan, scanMembers } from './body-scanner.js';

/** What a trigger of Zendesk sends (seeds: the body an administrator pastes). Phones are as written, maybe blank. */
export type TriggerPayload = {
  readonly kind: 'trigger';
  readonly ticketId: string;
  readonly callerPhone: string | null;
  readonly requesterPhone: string | null;
  /** The ticket's title, for people to read; null when none was told or the body is no JSON. */
  readonly subject: string | null;
};

/** Zendesk's own event webhook; it has no phone. */
export type EventPayload = {
  readonly kind: 'event';
  readonly type: string;
  readonly ticketId: string;
  /** `via.channel`; null when it is not told. */
  readonly channel: string | null;
  readonly tags: readonly string[];
  readonly subject: string | null;
};

export type PrefetchPayload = TriggerPayload | EventPayload;

const bad = (path: string, message: string): GatewayError =>
  new GatewayError('bad_request', `${path} ${message}.`, { details: [{ path, message }] });

const idForm = /^[1-9]\d{0,18}$/;

/** A JSON scalar as written (`12`, `"12"`, `null`, nothing) as text; null for what is blank or no scalar. */
const scalarText = (raw: string): string | null => {
  if (raw === '' || raw === 'null' || /^[{[]/.test(raw)) return null;
  const text: unknown = raw.startsWith('"') ? JSON.parse(raw) : raw;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : null;
};

const textOf = (found: Found, path: string): string | null => {
  if (found.kind === 'twice') throw bad(path, 'occurs more than once, so it is not clear which one is meant');
  return found.kind === 'value' ? scalarText(found.raw) : null;
};

/** Characters of a title that are kept. */
const SUBJECT = 200;

/** A title in one line of well-formed text: it goes through JSON of others, which takes no lone surrogates. */
const subjectOf = (value: unknown): string | null => {
  if (typeof value !== 'string') return null;
  const line = value.replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim();
  return line === '' ? null : [...line].slice(0, SUBJECT).join('');
};

const ticketIdOf = (text: string | null, path: string): string => {
  if (text === null) throw bad(path, 'is missing or empty');
  if (!idForm.test(text)) throw bad(path, 'is not the number of a ticket');
  return text;
};

const eventSchema = z.object({
  type: z.string(),
  detail: z.object({
    id: z.union([z.string(), z.number()]),
    via: z.object({ channel: z.union([z.string(), z.number()]).nullish() }).nullish(),
    tags: z.array(z.string()).nullish(),
    subject: z.unknown().optional(),
  }),
});

const readEvent = (text: string): EventPayload => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GatewayError('bad_request', 'The body looks like an event of Zendesk and is not JSON.');
  }
  const parsed = eventSchema.safeParse(value);
  if (!parsed.success) throw bad('detail.id', 'is missing or of the wrong form');
  const { type, detail } = parsed.data;
  const channel = detail.via?.channel ?? null;
  return {
    kind: 'event',
    type,
    ticketId: ticketIdOf(String(detail.id).trim(), 'detail.id'),
    channel: channel === null ? null : String(channel),
    tags: detail.tags ?? [],
    subject: subjectOf(detail.subject),
  };
};

/** Keys whose repetition in an event would let one of two values win. */
const refuseRepetition = (text: string): void => {
  const scan = scanMembers(text);
  for (const key of ['type', 'detail']) {
    if (findMember(text, scan, key).kind === 'twice') throw bad(key, 'occurs more than once');
  }
  const detail = scan.members.find((member) => member.key === 'detail');
  if (detail === undefined) return;
  const inner = scanMembers(detail.raw);
  for (const key of ['id', 'via', 'tags']) {
    if (findMember(detail.raw, inner, key).kind === 'twice') throw bad(`detail.${key}`, 'occurs more than once');
  }
};

/** It decides nothing, so one that is missing, there twice or of another type is no fault. */
const titleIn = (text: string, scan: Scan): string | null => {
  if (scan.brokenAt !== null) return null;
  const found = findMember(text, scan, 'subject');
  return found.kind === 'value' && found.raw.startsWith('"') ? subjectOf(JSON.parse(found.raw)) : null;
};

/**
 * Reads the body of a prefetch webhook, whatever its content type says. A trigger's body may be broken JSON, because
 * Zendesk puts titles into it unescaped: what can be found without doubt is taken. Throws GatewayError bad_request that
 * names the field.
 */
export const readPrefetchPayload = (body: Buffer): PrefetchPayload => {
  const text = new TextDecoder('utf-8', { fatal: false }).decode(body);
  const scan = scanMembers(text);
  if (!text.trimStart().startsWith('{')) {
    throw new GatewayError('bad_request', 'The body is not a JSON object: it must have ticket_id and caller_phone.');
  }
  const member = (key: string): string | null => textOf(findMember(text, scan, key), key);
  const isEvent = scan.members.some(({ key, raw }) => key === 'type' && scalarText(raw)?.startsWith('zen:event-type:'));
  if (isEvent && !scan.members.some(({ key }) => key === 'ticket_id')) {
    refuseRepetition(text);
    return readEvent(text);
  }
  return {
    kind: 'trigger',
    ticketId: ticketIdOf(member('ticket_id'), 'ticket_id'),
    callerPhone: member('caller_phone'),
    requesterPhone: member('requester_phone'),
    subject: titleIn(text, scan),
  };
};

const callChannels = new Set(['voice', 'phone_call_inbound', 'phone', '34', '45']);

/** Whether a ticket's channel is an incoming call; null: not told. */
export const isCallChannel = (channel: string | null): boolean | null =>
  channel === null || channel === '' || channel === 'unknown' ? null : callChannels.has(channel.toLowerCase());

/** Talk tags the ticket it makes when an overflowed call ends; that call is over. */
export const overflowTag = 'call_overflow';
