import type { RequestView } from '../request-view.js';
import { admit, turnAway, type Verdict } from './verdict.js';

/** Longest multipart body looked into, and most parts in it. */
const MAX_PARTS = 16;

const partOf = (body: string, boundary: string): string | null => {
  for (const part of body.split(`--${boundary}`).slice(1, MAX_PARTS + 1)) {
    const blank = part.indexOf('\r\n\r\n');
    if (blank < 0) continue;
    if (/^content-type[ \t]*:[ \t]*application\/sdp\b/im.test(part.slice(0, blank))) {
      return part.slice(blank + 4).replace(/\r\n$/, '\r\n');
    }
  }
  return null;
};

const refuse = (rule: string, headers: Readonly<Record<string, string>>): Verdict<string | null> =>
  turnAway({ status: 415, phrase: 'Unsupported Media Type', reason: 'content-type', rule, headers });

/**
 * The session description of a request or response: the body itself, or the SDP part of a multipart body (RFC 5621).
 * Null when there is no body. A body we cannot read is refused with 415 and what we could (RFC 3261 section 8.2.3).
 */
export const readSessionDescription = (message: Pick<RequestView, 'header' | 'body'>): Verdict<string | null> => {
  if (message.body === '') return admit(null);
  const encoding = message.header('content-encoding')?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    return refuse('The body is encoded in a way we do not read.', { 'Accept-Encoding': 'identity' });
  }
  const type = message.header('content-type') ?? '';
  const mime = type.split(';')[0]?.trim().toLowerCase() ?? '';
  // A body without a type is read as SDP when it begins as one: some devices forget the header.
  if (mime === 'application/sdp' || (mime === '' && message.body.startsWith('v='))) return admit(message.body);
  if (mime.startsWith('multipart/')) {
    const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;,"]{1,70}))/i.exec(type);
    const sdp = boundary === null ? null : partOf(message.body, boundary[1] ?? boundary[2] ?? '');
    if (sdp !== null) return admit(sdp);
  }
  return refuse('The body is not a session description.', { Accept: 'application/sdp, multipart/mixed' });
};
