import { expect, it } from 'vitest';
import { readPrefetchPayload } from './prefetch-payload.js';

const read = (body: string) => readPrefetchPayload(Buffer.from(body));
const trigger = (subject: string) => read(`{"ticket_id": 5, "caller_phone": "+14155550123", "subject": ${subject}}`);

it.each([
  ['"Where is my order?"', 'Where is my order?'],
  ['"  two\\n lines\\u0000 "', 'two lines'],
  // Half of a character would break the JSON it is written into.
  ['"\\ud83d half \\ude00 \\ud83d\\ude00"', 'half 😀'],
  ['"<script>"', '<script>'],
  [`"${'😀'.repeat(300)}"`, '😀'.repeat(200)],
  ['""', null],
  ['7', null],
  ['{"a": "b"}', null],
  ['"a", "subject": "b"', null],
  ['"a "quoted" word"', null],
])('takes the title %s of a ticket as %s', (written, subject) => {
  expect(trigger(written)).toMatchObject({ kind: 'trigger', ticketId: '5', subject });
});

it('takes the title of an event, and none where it has no text', () => {
  const event = (subject: unknown) =>
    read(JSON.stringify({ type: 'zen:event-type:ticket.created', detail: { id: '7', subject } }));
  expect(event('Refund')).toMatchObject({ kind: 'event', subject: 'Refund' });
  expect(event({})).toMatchObject({ kind: 'event', subject: null });
  expect(event(undefined)).toMatchObject({ kind: 'event', ticketId: '7', subject: null });
});
