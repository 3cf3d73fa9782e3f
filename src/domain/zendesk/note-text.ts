import type { PhoneSession, TimelineEntry } from '../sessions/index.js';

const seconds = (ms: number): string => {
  const whole = Math.max(0, Math.round(ms / 1_000));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
};

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;

const transferLine = (session: PhoneSession): string => {
  const { transfer } = session;
  if (transfer === null) return 'Transfer: none';
  const destination = text(field(transfer.destination, 'name')) ?? 'a destination';
  const outcome = text(transfer.outcome) ?? 'not decided';
  const status = typeof transfer.sipStatus === 'number' ? ` (SIP ${transfer.sipStatus})` : '';
  return `Transfer: ${outcome} to ${destination}${status}`;
};

/** Which action ran and how it ended; never what went in or came out of it. */
const actionLine = ({ data }: TimelineEntry): string => {
  const name = text(data.action) ?? 'action';
  const status = typeof data.statusCode === 'number' ? ` (${data.statusCode})` : '';
  const error = text(data.error);
  return `- ${name}: ${data.success === true ? 'succeeded' : 'failed'}${status}${error === null ? '' : `, ${error}`}`;
};

/** What the agent told the human when it handed over, if it did. */
const summaryLine = (timeline: readonly TimelineEntry[]): string[] => {
  const last = timeline.filter(({ type, data }) => type === 'transfer.started' && text(data.summary) !== null).at(-1);
  return last === undefined ? [] : [`Summary: ${text(last.data.summary)}`];
};

const consoleLine = (publicUrl: string, session: PhoneSession): string =>
  `Details: ${publicUrl}/console/sessions/${session.id}`;

/** The internal note after a call: what an agent wants to know of the part the AI had. */
export const callNote = (session: PhoneSession, timeline: readonly TimelineEntry[], publicUrl: string): string => {
  const actions = timeline.filter(({ type }) => type === 'action.run');
  return [
    'This call was answered by the AI phone agent.',
    `Session: ${session.id}`,
    `Duration: ${seconds((session.endedAt ?? session.startedAt) - (session.answeredAt ?? session.startedAt))}`,
    `Ended: ${session.endReason ?? 'not yet'}`,
    transferLine(session),
    ...summaryLine(timeline),
    ...(actions.length === 0 ? ['Actions: none'] : ['Actions:', ...actions.map(actionLine)]),
    consoleLine(publicUrl, session),
  ].join('\n');
};

/** What the agent tells whoever is about to take the call, on the ticket that is known already. */
export const handOverNote = (session: PhoneSession, timeline: readonly TimelineEntry[], publicUrl: string): string =>
  [
    'The AI phone agent is handing this call over.',
    `Session: ${session.id}`,
    ...summaryLine(timeline),
    consoleLine(publicUrl, session),
  ].join('\n');

/** For a ticket that was known only after the transfer had left without it. */
export const lateNote = (session: PhoneSession, timeline: readonly TimelineEntry[], publicUrl: string): string =>
  [
    'This ticket belongs to a call that the AI phone agent had already transferred when the ticket became known, so the transferred call does not carry its number.',
    `Session: ${session.id} (header X-OPENCX-SESSION-ID of the call)`,
    `Caller: ${session.caller.withheld ? 'withheld' : (session.caller.e164 ?? 'unknown')}`,
    `Called: ${session.called}`,
    `Began: ${new Date(session.startedAt).toISOString()}`,
    transferLine(session),
    ...summaryLine(timeline),
    consoleLine(publicUrl, session),
  ].join('\n');
