import type { ParsedSip, SipHeader, SipMessage, SipRequest, SipResponse } from './message.js';

export const emptyBody = Buffer.alloc(0);

/** The first value of a header by its canonical name; messages of the engine carry no other spelling. */
export const field = (message: SipMessage, canonicalName: string): string | undefined => {
  for (const header of message.headers) if (header.name === canonicalName) return header.value;
  return undefined;
};

/** True when a comma-separated header (Require, Supported, Allow) names the token, in any of its lines. */
export const hasToken = (message: SipMessage, canonicalName: string, token: string): boolean => {
  for (const header of message.headers) {
    if (header.name !== canonicalName) continue;
    for (const part of header.value.split(',')) if (part.trim().toLowerCase() === token) return true;
  }
  return false;
};

/** A To or From value with a tag added when it has none. */
export const withTag = (value: string, tag: string): string => `${value};tag=${tag}`;

const reasons: Readonly<Record<number, string>> = {
  100: 'Trying',
  200: 'OK',
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  422: 'Session Interval Too Small',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  487: 'Request Terminated',
  491: 'Request Pending',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Server Time-out',
  505: 'Version Not Supported',
  513: 'Message Too Large',
};

export const reasonPhrase = (status: number): string => reasons[status] ?? 'Error';

/**
 * A response with the headers every response copies from its request (RFC 3261 8.2.6.2): all Via, From, To with our
 * tag, Call-ID, CSeq; a 100 also echoes Timestamp.
 */
export const responseTo = (
  request: ParsedSip<SipRequest>,
  status: number,
  options: { toTag?: string; reason?: string; headers?: readonly SipHeader[]; body?: Buffer } = {},
): SipResponse => {
  const headers: SipHeader[] = [];
  for (const header of request.message.headers) {
    if (header.name === 'Via' || header.name === 'From' || header.name === 'Call-ID' || header.name === 'CSeq')
      headers.push(header);
    else if (header.name === 'To') {
      const tagged = options.toTag !== undefined && request.toTag === '';
      headers.push(tagged ? { name: 'To', value: withTag(header.value, options.toTag ?? '') } : header);
    } else if (status === 100 && header.name === 'Timestamp') headers.push(header);
  }
  if (options.headers) headers.push(...options.headers);
  return {
    kind: 'response',
    status,
    reason: options.reason ?? reasonPhrase(status),
    headers,
    body: options.body ?? emptyBody,
  };
};

/**
 * The ACK of a final failure: the INVITE's Request-URI, top Via, Route, From, Call-ID and CSeq number, and the To of the
 * response (RFC 3261 17.1.1.3).
 */
export const ackOfFailure = (invite: SipRequest, response: ParsedSip<SipResponse>): SipRequest => {
  const headers: SipHeader[] = [];
  let sawVia = false;
  for (const header of invite.headers) {
    if (header.name === 'Via') {
      if (!sawVia) headers.push(header);
      sawVia = true;
    } else if (header.name === 'To') {
      headers.push({ name: 'To', value: field(response.message, 'To') ?? header.value });
    } else if (header.name === 'CSeq') {
      headers.push({ name: 'CSeq', value: `${response.cseq.number} ACK` });
    } else if (copiedToSameBranch.has(header.name)) headers.push(header);
  }
  return { kind: 'request', method: 'ACK', uri: invite.uri, headers, body: emptyBody };
};

const copiedToSameBranch = new Set(['From', 'Call-ID', 'Route', 'Max-Forwards', 'User-Agent']);

/** The CANCEL of a request we sent: its Request-URI, top Via, Route, From, To, Call-ID and CSeq number (9.1). */
export const cancelOf = (invite: SipRequest, extra: readonly SipHeader[]): SipRequest => {
  const headers: SipHeader[] = [];
  let sawVia = false;
  for (const header of invite.headers) {
    if (header.name === 'Via') {
      if (!sawVia) headers.push(header);
      sawVia = true;
    } else if (header.name === 'CSeq') {
      headers.push({ name: 'CSeq', value: header.value.replace(/\S+$/, 'CANCEL') });
    } else if (header.name === 'To' || copiedToSameBranch.has(header.name)) headers.push(header);
  }
  headers.push(...extra);
  return { kind: 'request', method: 'CANCEL', uri: invite.uri, headers, body: emptyBody };
};
