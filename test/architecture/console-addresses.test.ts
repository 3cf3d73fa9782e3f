import { expect, it } from 'vitest';
import { base, callPath, pageAt, pathIn } from '../../console/src/app/addresses.js';
import { callNote, lateNote } from '../../src/domain/zendesk/note-text.js';

const id = '00000000-0000-4000-8000-000000000001';
const session = { id, caller: {}, startedAt: 0, transfer: null } as Parameters<typeof callNote>[0];

it.each([
  ['after a call', callNote],
  ['late', lateNote],
])('the link in a note on a ticket leads to the page of the call: %s', (_, note) => {
  const { origin, pathname } = new URL(/https:\S+/.exec(note(session, [], 'https://voice.example.com'))?.[0] ?? '');
  expect(origin).toBe('https://voice.example.com');
  expect(pathname.startsWith(base)).toBe(true);
  expect(pageAt(pathIn(pathname))).toEqual({ name: 'call', id });
  expect(pathIn(pathname)).toBe(callPath(id));
});
