import type { SipMessage } from './message.js';
import { isToken, isWhitespace, parseDecimal } from './scan.js';
import { parseUri } from './uri.js';

/** Why a message is refused, and the status a request is answered with. */
export type Fault = { reason: string; status: number };
export const bad = (reason: string): Fault => ({ reason, status: 400 });

/** What the start line says; headers and body are still empty. */
export type StartLine = { message: SipMessage; fault: Fault | undefined };

const parseStatusLine = (line: string): StartLine | undefined => {
  const status = line.slice(8, 11);
  const after = line.charCodeAt(11);
  const complete = line.length === 11 || after === 32;
  const code = parseDecimal(status, 699);
  const valid = complete && status.length === 3 && code !== undefined && code >= 100;
  return {
    message: { kind: 'response', status: valid ? code : 0, reason: line.slice(12), headers: [], body: Buffer.alloc(0) },
    fault: valid ? undefined : bad('status code is not between 100 and 699'),
  };
};

const parseRequestLine = (line: string): StartLine | undefined => {
  const firstSpace = line.indexOf(' ');
  const version = /[ \t]SIP\/(\d+\.\d+)[ \t]*$/i.exec(line.slice(-32));
  if (firstSpace <= 0 || version === null || !isToken(line, 0, firstSpace)) return undefined;
  const method = line.slice(0, firstSpace);
  const uriEnd = line.length - version[0].length;
  const uri = line.slice(firstSpace + 1, Math.max(uriEnd, firstSpace + 1));
  let fault: Fault | undefined;
  if (version[1] !== '2.0') fault = { reason: 'SIP version is not 2.0', status: 505 };
  else if (isWhitespace(line.charCodeAt(line.length - 1))) fault = bad('whitespace after the SIP version');
  else {
    const parsed = parseUri(uri);
    if (parsed === undefined) fault = bad('Request-URI is malformed');
    else if (parsed.headers !== '') fault = bad('Request-URI has header fields');
  }
  return { message: { kind: 'request', method, uri, headers: [], body: Buffer.alloc(0) }, fault };
};

/** Reads a request or status line (RFC 3261 sections 7.1, 7.2). @returns undefined when it is no SIP at all. */
export const parseStartLine = (line: string): StartLine | undefined => {
  if (line.length > 8 && line.slice(0, 8).toUpperCase() === 'SIP/2.0 ') return parseStatusLine(line);
  return parseRequestLine(line);
};
