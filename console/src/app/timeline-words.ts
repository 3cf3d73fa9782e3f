import type { Reply } from '../api/client.js';
import { endReasons, endWords } from '../pages/live/end-reasons.js';

export type TimelineEntry = Reply<'GET /v1/sessions/{id}'>['timeline'][number];
export type TimelineType = TimelineEntry['type'];
type Data = Readonly<Record<string, unknown>>;

const said = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'object') {
    const { name } = value as { readonly name?: unknown };
    return typeof name === 'string' ? name : JSON.stringify(value);
  }
  return String(value);
};
/** ` before value after`, or nothing when there is no value. */
const when = (value: unknown, before: string, after = ''): string => {
  const text = said(value);
  return text === '' ? '' : `${before}${text}${after}`;
};
const status = (data: Data): string => when(data.sipStatus, ' (', `${when(data.sipReason ?? null, ' ')})`);

const endedHow = (reason: unknown): unknown => {
  const known = endReasons.find((each) => each === reason);
  return known === undefined ? reason : endWords[known].toLowerCase();
};

/** What each entry of a timeline means, in a sentence. */
const sentences: Readonly<Record<TimelineType, (data: Data) => string>> = {
  'call.received': () => 'The call arrived and a phone session was opened.',
  'call.placed': () => 'The gateway placed the call.',
  'call.ringing': (data) => `It rings${status(data)}.`,
  'call.answered': () => 'The call was answered and confirmed.',
  'call.rejected': (data) => `The call was not taken${when(data.reason, ': ')}.`,
  'call.ended': (data) => `The call ended${when(endedHow(data.reason), ': ')}${when(data.detail, ' (', ')')}.`,
  'agent.started': (data) => `The agent${when(data.agent, ' ')} took the call.`,
  'agent.said': (data) =>
    `The agent said${when(data.text, ' “', '”')}${when(data.prompt, ' the prompt ')}${when(data.file, ' the file ')}${/[.!?]$/.test(said(data.text)) ? '' : '.'}`,
  'agent.asked': (data) => `The agent asked for keys${when(data.outcome, ': ')}.`,
  'agent.failed': (data) => `The agent could not be had${when(data.reason, ': ')}.`,
  'agent.lost': (data) => `The agent was lost${when(data.reason, ': ')}.`,
  'agent.resumed': (data) => `The agent is back${when(data.gapMs, ' after ', ' ms')}.`,
  'agent.left': (data) => `The agent left${when(data.reason, ': ')}.`,
  'dtmf.received': (data) => `The caller pressed ${said(data.digit)}.`,
  'dtmf.sent': (data) =>
    data.count === 0
      ? `Keys could not be sent${when(data.reason, ': ')}`
      : `${said(data.count)} keys were sent to the caller.`,
  'media.started': () => 'The caller’s sound arrived.',
  'media.held': (data) => `${data.leg === 'destination' ? 'The human' : 'The caller'} put the call on hold.`,
  'media.resumed': (data) => `${data.leg === 'destination' ? 'The human' : 'The caller'} resumed the call.`,
  'media.lost': (data) => `No sound comes any more${when(data.leg, ' from the ')}${when(data.kind, ' (', ')')}.`,
  'signalling.lost': (data) => `The ${said(data.leg)} does not answer SIP any more${when(data.reason, ': ')}.`,
  'media.relayed': (data) => `The sound goes through rtpengine${when(data.relay, ' (', ')')}.`,
  'media.kept': (data) => `The sound stays with the gateway${when(data.detail ?? data.reason, ': ')}.`,
  'media.returned': (data) => `The sound is back with the gateway${when(data.reason, ': ')}.`,
  'media.quality': () => 'The quality of the sound was measured.',
  'recording.started': () => 'The recording began.',
  'recording.paused': () => 'The recording was paused.',
  'recording.resumed': () => 'The recording went on.',
  'recording.stopped': () => 'The recording ended.',
  'recording.deleted': () => 'The recording was deleted.',
  'prefetch.held': () => 'A webhook of Zendesk waits for this caller.',
  'prefetch.stamped': (data) =>
    `Zendesk’s webhook put ticket ${said(data.ticketId ?? data.ticket)}${when(data.subject, ' “', '”')} on the session.`,
  'prefetch.refused': (data) => `A webhook of Zendesk was not taken${when(data.reason, ': ')}.`,
  'contact.linked': () => 'The session was linked to a contact.',
  'contact.enriched': () => 'The contact got what Zendesk knows.',
  'contact.clash': (data) => `Zendesk’s requester is another contact${when(data.with, ': ')}.`,
  'enrichment.failed': (data) =>
    `The contact could not be read from Zendesk${when(data.message ?? data.reason, ': ')}.`,
  'action.run': (data) =>
    `The action ${said(data.action)} ${data.success === true ? 'succeeded' : 'failed'}${when(data.statusCode, ' with ')}${when(data.durationMs, ' in ', ' ms')}.`,
  'ticket.created': (data) => `Ticket ${said(data.ticketId)} was created.`,
  'ticket.noted': (data) => `A note was written on ticket ${said(data.ticketId)}.`,
  'ticket.failed': (data) => `The ticket could not be written${when(data.message ?? data.reason, ': ')}.`,
  'transfer.started': (data) => `A transfer to ${said(data.destination)} began.`,
  'transfer.ringing': (data) => `It rings at ${said(data.destination)}${status(data)}.`,
  'transfer.announced': (data) => `The call was announced to ${said(data.destination)}.`,
  'transfer.connected': (data) => `Caller and ${said(data.destination)} were joined.`,
  // The reason says in a sentence what outcome and status say in words of theirs.
  'transfer.failed': (data) =>
    said(data.reason) === ''
      ? `The transfer failed${when(data.outcome, ': ')}${status(data)}.`
      : `The transfer failed. ${said(data.reason)}`,
  'transfer.cancelled': (data) => `The transfer was given up${when(data.outcome, ': ')}.`,
  'header.dropped': (data) => `A header was not sent${when(data.name, ': ')}${when(data.reason, ', ')}.`,
  'store.lost': (data) => `The store does not answer${when(data.reason, ': ')}; the call goes on.`,
  'store.restored': () => 'The store answers again.',
  'session.revived': () => 'The session was taken up again.',
};

export const timelineTypes = Object.keys(sentences) as readonly TimelineType[];

export const inWords = ({ type, data }: { readonly type: TimelineType; readonly data: Data }): string =>
  sentences[type](data);

const bad = new Set<TimelineType>([
  'call.rejected',
  'agent.failed',
  'agent.lost',
  'media.lost',
  'signalling.lost',
  'enrichment.failed',
  'ticket.failed',
  'transfer.failed',
  'store.lost',
  'prefetch.refused',
]);
const good = new Set<TimelineType>([
  'call.answered',
  'transfer.connected',
  'prefetch.stamped',
  'contact.enriched',
  'ticket.created',
]);

export const toneOf = ({
  type,
  data,
}: {
  readonly type: TimelineType;
  readonly data: Data;
}): 'good' | 'bad' | 'plain' => {
  if (bad.has(type) || (type === 'action.run' && data.success === false)) return 'bad';
  return good.has(type) ? 'good' : 'plain';
};
