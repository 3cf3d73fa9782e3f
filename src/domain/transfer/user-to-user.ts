import { type HeaderToSend, sizeOfHeader } from './headers.js';

/** What the line gets of the agent's summary: all of it, its beginning, nothing, or there was nothing to send. */
export type SummarySent = 'whole' | 'cut' | 'dropped' | 'none';

const name = 'User-to-User';
const more = '…';

const hex = (text: string): string => `${Buffer.from(text, 'utf8').toString('hex')};encoding=hex`;
const headerOf = (text: string): HeaderToSend => ({ name, value: hex(text), ours: true });

/**
 * The summary as User-to-User (RFC 7433), in hex, so that any text can be sent. One that does not fit into `room` bytes
 * is cut between two characters and says so by an ellipsis: its beginning tells the human more than nothing. Null when
 * there is nothing to send, or no room for even one character.
 */
export const summaryHeader = (
  summary: string | null,
  room: number,
): { readonly header: HeaderToSend | null; readonly sent: SummarySent } => {
  if (summary === null || summary.trim() === '') return { header: null, sent: 'none' };
  const whole = headerOf(summary);
  if (sizeOfHeader(whole) <= room) return { header: whole, sent: 'whole' };
  const bytes = Math.floor((room - sizeOfHeader(headerOf(more))) / 2);
  let kept = '';
  let used = 0;
  for (const character of summary) {
    used += Buffer.byteLength(character, 'utf8');
    if (used > bytes) break;
    kept += character;
  }
  return kept === '' ? { header: null, sent: 'dropped' } : { header: headerOf(kept + more), sent: 'cut' };
};
