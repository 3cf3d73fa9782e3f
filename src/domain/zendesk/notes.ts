import type { Clock } from '../../core/clock.js';
import type { WorkTries, WorkVerdict } from '../../platform/redis/index.js';
import type { Directory } from '../directory/index.js';
import type { PhoneSession, SessionStore, TimelineEntry } from '../sessions/index.js';
import type { ZendeskClient } from './client.js';
import { ZendeskFailure } from './failure.js';
import { callNote, handOverNote, lateNote } from './note-text.js';
import { verdictAfter } from './retry.js';
import type { StatusBoard } from './status.js';
import type { Work, WorkKind } from './work.js';

export type NotesDeps = {
  readonly client: ZendeskClient;
  readonly directory: Pick<Directory, 'organization'>;
  readonly sessions: Pick<SessionStore, 'get' | 'timeline' | 'settleWork'>;
  readonly status: StatusBoard;
  /** PUBLIC_URL: where the console is. */
  readonly publicUrl: string;
  readonly clock: Clock;
};

const textOf = (kind: WorkKind): typeof callNote =>
  kind === 'note' ? callNote : kind === 'hand-over' ? handOverNote : lateNote;

/** ms until a transfer that has not decided yet what its leg carries is looked at again. */
const LOOK = 500;

/**
 * Whether the human has, or is being rung by, a call that does not carry this ticket; `undecided` while the transfer's
 * leg is yet to be planned. A ticket may be stamped while a transfer waits for just that.
 */
const isLate = ({ status, transfer }: PhoneSession, ticketId: string): boolean | 'undecided' => {
  if (transfer?.ticketId === ticketId) return false;
  if (status === 'transferring') return transfer === null || transfer.state === 'done' ? 'undecided' : true;
  return status === 'transferred' || (status === 'ended' && transfer?.outcome === 'connected');
};

/** Writes internal notes on tickets: at the hand-over, after the call, and when a ticket came too late for the transfer. */
export const createNotes = (
  deps: NotesDeps,
): ((work: Work, tries: WorkTries, signal: AbortSignal) => Promise<WorkVerdict>) => {
  const { client, directory, sessions, status, publicUrl, clock } = deps;

  const end = async (work: Work, timeline: readonly TimelineEntry[]): Promise<WorkVerdict> => {
    await sessions.settleWork(work.orgId, work.sessionId, work, { timeline });
    return { kind: 'done' };
  };

  return async (work, tries, signal) => {
    const { orgId, sessionId, ticketId } = work;
    const organization = await directory.organization(orgId);
    const session = await sessions.get(orgId, sessionId);
    // Turned off since, or gone: nothing is owed any more.
    if (organization?.zendesk?.notes !== true || session === null) return end(work, []);
    if (work.kind === 'late-note') {
      const late = isLate(session, ticketId);
      if (late === 'undecided') return { kind: 'again', after: LOOK, waited: true };
      if (!late) return end(work, []);
    }
    const timeline = await sessions.timeline(orgId, sessionId);
    const body = textOf(work.kind)(session, timeline, publicUrl);
    try {
      await client.addNote(organization, ticketId, body, { signal });
      return end(work, [{ at: clock.now(), type: 'ticket.noted', data: { ticketId, note: work.kind } }]);
    } catch (error) {
      if (signal.aborted) throw error;
      const verdict = verdictAfter(error, tries);
      if (verdict !== null) return verdict;
      if (!(error instanceof ZendeskFailure)) throw error;
      if (error.kind === 'credentials' || error.kind === 'forbidden') await status.failed(orgId, error);
      const data = { ticketId, note: work.kind, reason: error.kind, message: error.message };
      return end(work, [{ at: clock.now(), type: 'ticket.failed', data }]);
    }
  };
};
