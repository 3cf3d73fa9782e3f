import type { Clock } from '../../core/clock.js';
import { newUuid } from '../../core/ids.js';
import { type Span, silentSpan, type Tracer } from '../../core/tracing.js';
import type { TransferDestination } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { TimelineEntry, TimelineType } from '../sessions/records.js';
import { type AttemptRecord, type Failure, failedRecord, type TransferPlan } from '../transfer/index.js';
import type { TransferResult } from './ports.js';

/** What one attempt leaves on the session, its timeline (transfer.md T6) and in the trace of the call. */
export type AttemptNotes = {
  planned(plan: TransferPlan | null): void;
  progress(status: number, reason: string): void;
  record(record: AttemptRecord): void;
};

export type TransferNotes = {
  begin(destination: TransferDestination, summary: string | null): AttemptNotes;
  /** A line that had answered hung up within `returnWithin`. */
  endedEarly(destination: TransferDestination, record: AttemptRecord): void;
  /** The attempt ended by a fault of ours; returns its record. */
  broken(destination: TransferDestination, record: AttemptRecord | null): AttemptRecord;
};

/** What whoever asked for the transfer is told of its last attempt. */
export const resultOf = (record: AttemptRecord): TransferResult => ({
  outcome: record.outcome ?? 'failed',
  sipStatus: record.sipStatus,
  reason: record.reason,
  hint: record.hint,
});

const ourFault: Failure = {
  outcome: 'failed',
  sipStatus: null,
  reason: 'The gateway failed; its log has the cause.',
  hint: null,
};

const failureType = (record: AttemptRecord): TimelineType =>
  record.outcome === 'cancelled' || record.outcome === 'caller-hung-up' ? 'transfer.cancelled' : 'transfer.failed';

/** How an attempt ended, for its span: its outcome and the SIP status, not what the peer wrote. */
const traced = ({ outcome, sipStatus }: AttemptRecord): Parameters<Span['end']> => [
  { 'transfer.outcome': outcome ?? 'failed', ...(sipStatus === null ? {} : { 'sip.status': sipStatus }) },
  outcome === 'connected' ? undefined : (outcome ?? 'failed'),
];

export const transferNotes = (session: OwnedSession, clock: Clock, tracer: Tracer): TransferNotes => {
  let attempts = 0;
  /** Of the attempt under way. */
  let span = silentSpan;
  const entry = (type: TimelineType, data: Readonly<Record<string, unknown>>): TimelineEntry => ({
    at: clock.now(),
    type,
    data,
  });
  const write = (record: AttemptRecord, timeline: readonly TimelineEntry[]): void => {
    void session.change({ transfer: record, attempts, ...(timeline.length === 0 ? {} : { timeline }) });
  };
  const ended = (destination: TransferDestination, record: AttemptRecord, afterMs: number | null): TimelineEntry =>
    entry(failureType(record), {
      attempt: record.id,
      destination: destination.id,
      outcome: record.outcome,
      sipStatus: record.sipStatus,
      reason: record.reason,
      hint: record.hint,
      ...(afterMs === null ? {} : { afterMs }),
    });

  return {
    begin(destination, summary) {
      attempts += 1;
      span = tracer.part('transfer.attempt', session.id, {
        fields: { 'transfer.destination': destination.id, 'transfer.type': destination.type },
      });
      const mine = span;
      const begun = clock.monotonic();
      const after = (): number => Math.round(clock.monotonic() - begun);
      let plan: TransferPlan | null = null;
      let started = false;
      let lastProgress = 0;
      return {
        planned: (made) => {
          plan = made;
        },
        progress: (status, reason) => {
          // A repeated provisional answer is no news.
          if (status < 180 || status === lastProgress) return;
          lastProgress = status;
          mine.event('ringing', { 'sip.status': status });
          session.note('transfer.ringing', {
            destination: destination.id,
            sipStatus: status,
            reason,
            afterMs: after(),
          });
        },
        record: (record) => {
          const timeline: TimelineEntry[] = [];
          if (!started) {
            started = true;
            timeline.push(
              entry('transfer.started', {
                attempt: record.id,
                destination: record.destination,
                method: plan?.method ?? destination.method,
                from: record.from,
                fromReason: record.fromReason,
                headers: record.headers,
                ticketId: record.ticketId,
                ticketReason: record.ticketReason,
                ...(summary === null ? {} : { summary }),
              }),
              ...(plan?.dropped ?? []).map((header) => entry('header.dropped', { ...header })),
            );
          }
          if (record.state === 'done') {
            mine.end(...traced(record));
            timeline.push(
              record.outcome === 'connected'
                ? entry('transfer.connected', {
                    attempt: record.id,
                    destination: destination.id,
                    sipStatus: record.sipStatus,
                    afterMs: after(),
                  })
                : ended(destination, record, after()),
            );
          }
          write(record, timeline);
        },
      };
    },
    endedEarly: (destination, record) => write(record, [ended(destination, record, null)]),
    broken(destination, record) {
      const base: AttemptRecord = record ?? {
        id: newUuid(),
        state: 'done',
        destination: { id: destination.id, name: destination.name, type: destination.type },
        outcome: null,
        sipStatus: null,
        reason: '',
        hint: null,
        from: '',
        fromReason: 'unknown',
        headers: {},
        ticketId: null,
        ticketReason: null,
      };
      const failed = failedRecord(base, ourFault);
      write(failed, [ended(destination, failed, null)]);
      span.end(...traced(failed));
      return failed;
    },
  };
};
