import type { TimelineEntry } from '../../app/timeline-words.js';

/** A transfer that was tried, as the timeline tells it. */
export type Attempt = {
  readonly id: string;
  readonly destination: string;
  readonly method: string;
  readonly from: string;
  readonly fromReason: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly ticket: string;
  readonly summary: string | null;
  /** Statuses in the order they came, with ms since the INVITE where known. */
  readonly statuses: readonly string[];
  readonly outcome: string | null;
  readonly reason: string;
  readonly hint: string | null;
};

const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
const textOrNull = (value: unknown): string | null => (text(value) === '' ? null : text(value));
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const statusOf = (data: Readonly<Record<string, unknown>>): readonly string[] => {
  if (text(data.sipStatus) === '') return [];
  return [
    `${text(data.sipStatus)} ${text(data.reason)}`.trim() +
      (text(data.afterMs) === '' ? '' : ` after ${text(data.afterMs)} ms`),
  ];
};

const begun = ({ data }: TimelineEntry): Attempt => ({
  id: text(data.attempt),
  destination: text(record(data.destination).name) || text(data.destination),
  method: text(data.method),
  from: text(data.from),
  fromReason: text(data.fromReason),
  headers: Object.entries(record(data.headers)).map(([name, value]) => [name, text(value)]),
  ticket: text(data.ticketId) || text(data.ticketReason),
  summary: textOrNull(data.summary),
  ...{ statuses: [], outcome: null, reason: '', hint: null },
});

const ends: Readonly<Record<string, string | undefined>> = {
  'transfer.connected': 'connected',
  'transfer.failed': 'failed',
  'transfer.cancelled': 'cancelled',
};

/** The entries with destinations by their name, which only the first entry of each attempt tells. */
export const withNames = (timeline: readonly TimelineEntry[]): readonly TimelineEntry[] => {
  const names = new Map<string, string>();
  return timeline.map((entry) => {
    const { destination } = entry.data;
    const { id, name } = record(destination);
    if (text(id) !== '' && text(name) !== '') names.set(text(id), text(name));
    const known = names.get(text(destination));
    return known === undefined ? entry : { ...entry, data: { ...entry.data, destination: known } };
  });
};

/** The title of the ticket that Zendesk's webhook told; null when it told none. */
export const subjectIn = (timeline: readonly TimelineEntry[]): string | null =>
  textOrNull(timeline.findLast(({ type }) => type === 'prefetch.stamped')?.data.subject);

/** The attempts of a call, first one first. One that failed before its INVITE is known by its end only. */
export const attemptsOf = (timeline: readonly TimelineEntry[]): readonly Attempt[] => {
  const found: Attempt[] = [];
  for (const entry of timeline) {
    const { type, data } = entry;
    const last = found.at(-1);
    const open = last !== undefined && last.outcome === null ? last : null;
    if (type === 'transfer.started') found.push(begun(entry));
    else if (type === 'transfer.ringing' && open !== null) {
      found[found.length - 1] = { ...open, statuses: [...open.statuses, ...statusOf(data)] };
    } else if (ends[type] !== undefined) {
      const base = open ?? begun(entry);
      const ended: Attempt = {
        ...base,
        statuses: [...base.statuses, ...statusOf({ sipStatus: data.sipStatus, afterMs: data.afterMs })],
        outcome: text(data.outcome) || (ends[type] ?? null),
        reason: text(data.reason),
        hint: textOrNull(data.hint),
      };
      if (open === null) found.push(ended);
      else found[found.length - 1] = ended;
    }
  }
  return found;
};
