import { z } from 'zod';
import { endReasons, timelineTypes } from '../domain/sessions/index.js';

const time = z.iso.datetime().describe('ISO 8601, UTC.');
const json = z.record(z.string(), z.unknown());

export const sessionStatuses = ['ringing', 'active', 'transferring', 'transferred', 'ended'] as const;

export const callerSchema = z.strictObject({
  e164: z.string().nullable(),
  raw: z.string(),
  display: z.string().nullable(),
  withheld: z.boolean(),
  source: z.literal('zendesk').optional().describe('Zendesk told who calls, of a call under a Talk number.'),
});

export const sessionSchema = z
  .strictObject({
    id: z.uuid(),
    orgId: z.string(),
    ticketNumber: z.int(),
    agentId: z.string(),
    status: z.enum(sessionStatuses),
    direction: z.enum(['inbound', 'outbound']).describe('Who dialled: the person, or we.'),
    caller: callerSchema.describe('The person at the other end, whoever dialled.'),
    called: z.string().describe('Our number, E.164: the one that was dialled, or the one we call from.'),
    contactId: z.uuid().nullable(),
    zendeskTicketId: z.string().nullable(),
    startedAt: time,
    answeredAt: time.nullable(),
    endedAt: time.nullable(),
    endReason: z.enum(endReasons).nullable(),
    transfer: json.nullable().describe('The last transfer attempt.'),
    attempts: z.int().describe('How many transfers were tried.'),
  })
  .describe('A phone session.');

export const timelineEntrySchema = z.strictObject({ at: time, type: z.enum(timelineTypes), data: json });

export const recordedPartSchema = z.strictObject({
  part: z.int().describe('1, 2, …: as `part` of `GET /v1/sessions/{id}/recording`.'),
  file: z.string(),
  startedAt: time,
});

export const sessionDetailSchema = sessionSchema.extend({
  recordings: z.array(recordedPartSchema).describe('From each start of the recording to its stop.'),
  timeline: z.array(timelineEntrySchema),
});

export const sessionListSchema = z.strictObject({
  items: z.array(sessionSchema),
  next: z.string().nullable().describe('Cursor of the next page; null at the end.'),
});

export const contactSchema = z.strictObject({
  id: z.uuid(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  externalId: z.string().nullable(),
  zendeskUserId: z.string().nullable(),
  custom_data: z.record(z.string(), z.string()),
});

/** `true`, `1` and the bare name of a flag are yes; `false` and `0` no. */
export const flag = z
  .enum(['true', 'false', '1', '0', ''], 'must be true or false')
  .transform((text) => text === 'true' || text === '1' || text === '');

/** Where a page of a Redis stream begins: below this entry. Redis takes nothing to be below 0-0, and refuses it. */
export const streamCursor = z.string().regex(/^[1-9]\d{0,15}-\d{1,16}$/, 'is not a cursor of this list');

/** A moment in a query: ISO 8601 or milliseconds since the epoch. */
export const moment = z
  .string()
  .max(40)
  .transform((text, context) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
    if (Number.isFinite(value)) return value;
    context.addIssue({ code: 'custom', message: 'must be an ISO 8601 time or milliseconds since 1970' });
    return z.NEVER;
  });

export const organizationQuery = z
  .string()
  .max(64)
  .optional()
  .describe(
    'For operators, who belong to no organization: which one is meant. May be left out when there is one only.',
  );
