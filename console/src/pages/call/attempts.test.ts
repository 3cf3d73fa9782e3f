import { expect, it } from 'vitest';
import type { TimelineEntry } from '../../app/timeline-words.js';
import { attemptsOf, subjectIn, withNames } from './attempts.js';

const entry = (type: TimelineEntry['type'], data: TimelineEntry['data']): TimelineEntry => ({
  at: '2026-01-01T00:00:00.000Z',
  type,
  data,
});

it('tells one attempt after the other, with what each heard and how it ended', () => {
  const attempts = attemptsOf([
    entry('call.answered', {}),
    entry('transfer.started', {
      attempt: '1',
      destination: { name: 'Support' },
      method: 'invite',
      from: 'sip:a',
      headers: { 'X-A': '1' },
    }),
    entry('transfer.ringing', { sipStatus: 180, reason: 'Ringing', afterMs: 20 }),
    entry('transfer.failed', {
      outcome: 'busy',
      sipStatus: 486,
      reason: 'It is busy.',
      hint: 'Try again.',
      afterMs: 40,
    }),
    entry('transfer.started', { attempt: '2', destination: { name: 'Sales' } }),
    entry('transfer.connected', { sipStatus: 200, afterMs: 10 }),
  ]);
  expect(attempts).toMatchObject([
    {
      destination: 'Support',
      headers: [['X-A', '1']],
      statuses: ['180 Ringing after 20 ms', '486 after 40 ms'],
      outcome: 'busy',
      hint: 'Try again.',
    },
    { destination: 'Sales', outcome: 'connected', statuses: ['200 after 10 ms'] },
  ]);
});

it('names a destination wherever only its id is told', () => {
  const timeline = [
    entry('transfer.started', { destination: { id: 'desk', name: 'Support desk' } }),
    entry('transfer.ringing', { destination: 'desk' }),
    entry('transfer.announced', { destination: 'other' }),
  ];
  expect(withNames(timeline).map(({ data }) => data.destination)).toEqual([
    { id: 'desk', name: 'Support desk' },
    'Support desk',
    'other',
  ]);
});

it('finds the title of the ticket where one was told', () => {
  expect(subjectIn([entry('prefetch.stamped', { ticketId: '1', subject: 'Refund' })])).toBe('Refund');
  expect(subjectIn([entry('prefetch.stamped', { ticketId: '1' })])).toBeNull();
});

it('knows an attempt that failed before anything was sent', () => {
  expect(
    attemptsOf([entry('transfer.failed', { destination: 'x', outcome: 'failed', reason: 'No such host.' })]),
  ).toMatchObject([{ destination: 'x', outcome: 'failed', reason: 'No such host.' }]);
});
