import type { Clock } from '../../core/clock.js';
import type { WorkVerdict } from '../../platform/redis/index.js';
import type { Directory } from '../directory/index.js';
import type { SessionStore, TimelineEntry } from '../sessions/index.js';
import type { ZendeskClient } from './client.js';
import { ZendeskFailure } from './failure.js';
import { callNote, lateNote } from './note-text.js';
import { verdictAfter } from './retry.js';
import type { StatusBoard } from './status.js';
import type { Work } from './work.js';

export type NotesDeps = {
  readonly client: ZendeskClient;
  readonly directory: Pick<Directory, 'organization'>;
  readonly sessions: Pick<SessionStore, 'get' | 'timeline' | 'settleWork'>;
  readonly status: StatusBoard;
  /** PUBLIC_URL: where the console is. */
  readonly publicUrl: string;
  readonly clock: Clock;
};

/** Writes internal notes on tickets: after the call, and for a ticket that came too late for the transfer. */
export const createNotes = (
  deps: NotesDeps,
): ((work: Work, attempt: number, signal: AbortSignal) => Promise<WorkVerdict>) => {
  const { client, directory, sessions, status, publicUrl, clock } = deps;

  const end = async (work: Work, timeline: readonly TimelineEntry[]): Promise<WorkVerdict> => {
    await sessions.settleWork(work.orgId, work.sessionId, work, { timeline });
    return { kind: 'done' };
  };

  return async (work, attempt, signal) => {
    const { orgId, sessionId, ticketId } = work;
    const organization = await directory.organization(orgId);
    const session = await sessions.get(orgId, sessionId);
    // Turned off since, or gone: nothing is owed any more.
    if (organization?.zendesk?.notes !== true || session === null) return end(work, []);
    const timeline = await sessions.timeline(orgId, sessionId);
    const body = (work.kind === 'note' ? callNote : lateNote)(session, timeline, publicUrl);
    try {
      await client.addNote(organization, ticketId, body, { signal });
      return end(work, [{ at: clock.now(), type: 'ticket.noted', data: { ticketId, note: work.kind } }]);
    } catch (error) {
      if (signal.aborted) throw error;
      const verdict = verdictAfter(error, attempt);
      if (verdict !== null) return verdict;
      if (!(error instanceof ZendeskFailure)) throw error;
      if (error.kind === 'credentials' || error.kind === 'forbidden') await status.failed(orgId, error);
      const data = { ticketId, note: work.kind, reason: error.kind, message: error.message };
      return end(work, [{ at: clock.now(), type: 'ticket.failed', data }]);
    }
  };
};
