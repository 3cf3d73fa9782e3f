import type { z } from 'zod';
import type { Contact, ListedSession, PhoneSession, RecordedPart, TimelineEntry } from '../domain/sessions/index.js';
import type { contactSchema, recordedPartSchema, sessionDetailSchema, sessionSchema } from './schemas.js';

const iso = (at: number): string => new Date(at).toISOString();
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));

/** A session as the API shows it. */
export const sessionView = (session: ListedSession): z.input<typeof sessionSchema> => ({
  id: session.id,
  orgId: session.orgId,
  ticketNumber: session.ticketNumber,
  agentId: session.agentId,
  status: session.status,
  direction: session.direction,
  caller: { ...session.caller },
  called: session.called,
  contactId: session.contactId,
  zendeskTicketId: session.zendeskTicketId,
  startedAt: iso(session.startedAt),
  answeredAt: isoOrNull(session.answeredAt),
  endedAt: isoOrNull(session.endedAt),
  endReason: session.endReason,
  transfer: session.transfer === null ? null : { ...session.transfer },
  attempts: session.attempts,
});

export const recordedPartView = ({ part, file, at }: RecordedPart): z.input<typeof recordedPartSchema> => ({
  ...{ part, file, startedAt: iso(at) },
});

export const sessionDetailView = (
  session: PhoneSession,
  timeline: readonly TimelineEntry[],
): z.input<typeof sessionDetailSchema> => ({
  ...sessionView(session),
  recordings: session.recordings.map(recordedPartView),
  timeline: timeline.map(({ at, type, data }) => ({ at: iso(at), type, data: { ...data } })),
});

export const contactView = (contact: Contact): z.input<typeof contactSchema> => ({
  id: contact.id,
  name: contact.name,
  email: contact.email,
  phone: contact.phone,
  externalId: contact.externalId,
  zendeskUserId: contact.zendeskUserId,
  custom_data: { ...contact.customData },
});
