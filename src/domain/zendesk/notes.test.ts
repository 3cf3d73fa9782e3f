import { describe, expect, it } from 'vitest';
import { manualClock } from '../../core/manual-clock.js';
import type { PhoneSession } from '../sessions/index.js';
import { createNotes, type NotesDeps } from './notes.js';

/** What becomes of the note for a late ticket 4711, of a session in this state. */
const lateNoteFor = async (session: Partial<PhoneSession>) => {
  const written: string[] = [];
  const settled: unknown[] = [];
  const deps = {
    client: { addNote: async (_organization: unknown, ticketId: string) => void written.push(ticketId) },
    directory: { organization: async () => ({ zendesk: { notes: true } }) },
    sessions: {
      get: async () => ({ id: 's', caller: { e164: null, withheld: true }, startedAt: 0, ...session }),
      timeline: async () => [],
      settleWork: async (_org: string, _id: string, _work: unknown, { timeline }: { timeline: unknown[] }) =>
        settled.push(...timeline),
    },
    ...{ status: {}, publicUrl: 'http://gw', clock: manualClock() },
  } as unknown as NotesDeps;
  const work = { id: '1', group: 'g', orgId: 'acme', kind: 'late-note', sessionId: 's', ticketId: '4711' } as const;
  const verdict = await createNotes(deps)(work, { attempt: 1, waits: 0 }, new AbortController().signal);
  return { verdict, written, settled: settled.length };
};

const done = { verdict: { kind: 'done' } };
const writes = { ...done, written: ['4711'], settled: 1 };
const none = { ...done, written: [], settled: 0 };
const waits = { verdict: { kind: 'again', waited: true }, written: [], settled: 0 };

describe('the note for a ticket that was stamped during a transfer', () => {
  it.each<[string, Partial<PhoneSession>, unknown]>([
    ['waits for the first attempt to be planned', { status: 'transferring', transfer: null }, waits],
    [
      'waits for the next attempt after one that failed',
      { status: 'transferring', transfer: { state: 'done', outcome: 'busy', ticketId: null } },
      waits,
    ],
    [
      'is written while a line rings without it',
      { status: 'transferring', transfer: { state: 'ringing', ticketId: null } },
      writes,
    ],
    [
      'is not written when the ringing leg carries it',
      { status: 'transferring', transfer: { state: 'ringing', ticketId: '4711' } },
      none,
    ],
    [
      'is not written when the connected leg carries it',
      { status: 'transferred', transfer: { state: 'done', outcome: 'connected', ticketId: '4711' } },
      none,
    ],
    [
      'is written when the connected leg carries none',
      { status: 'transferred', transfer: { state: 'done', outcome: 'connected', ticketId: null } },
      writes,
    ],
    [
      'is not written when the caller is back with the agent',
      { status: 'active', transfer: { state: 'done', outcome: 'busy', ticketId: null } },
      none,
    ],
    [
      'is written after a connected call that has ended',
      { status: 'ended', transfer: { state: 'done', outcome: 'connected', ticketId: null } },
      writes,
    ],
    ['is not written after a call nobody was given', { status: 'ended', transfer: null }, none],
  ])('%s', async (_name, session, expected) => {
    expect(await lateNoteFor(session)).toMatchObject(expected as object);
  });
});
