import { emptyBody } from '../compose.js';
import { canonicalName } from '../header-names.js';
import type { SipHeader } from '../message.js';

/**
 * The SIP text of an application's command. Applications write it loosely (lower-case names, no Content-Length worth
 * believing), so it is not parsed as a message from the network; the frame says where it ends.
 */
export type AppMessage = {
  start: { kind: 'request'; method: string; uri: string } | { kind: 'response'; status: number; reason: string };
  headers: SipHeader[];
  body: Buffer;
};

/** Asks for the body's bytes to be taken one per character (U+0000-U+00FF); never goes to the wire. */
export const bodyEncodingHeader = 'X-Body-Encoding';

const requestLine = /^([A-Za-z0-9\-.!%*_+`'~]+) +(\S+) +SIP\/2\.0$/;
const statusLine = /^SIP\/2\.0 +(\d{3})(?: +(.*))?$/;
const headerLine = /^([^\s:]+)\s*:\s*(.*)$/s;

/** `-`-capitalised (`p-foo-bar` -> `P-Foo-Bar`), names that start with X- as written (drachtio-server does the same). */
const wireName = (name: string): string => {
  const canonical = canonicalName(name);
  if (canonical !== name || /^x-/i.test(name)) return canonical;
  return name.replace(/(^|-)([a-z])/g, (_all, dash: string, letter: string) => dash + letter.toUpperCase());
};

/**
 * Parses the SIP text of a command.
 * @returns a sentence when it cannot be one; the application gets it as `NOK`.
 */
export const parseAppMessage = (bytes: Buffer): AppMessage | string => {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
  let body = end < 0 ? emptyBody : bytes.subarray(end + 4);
  const lines = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const start = parseStart(lines[0] ?? '');
  if (typeof start === 'string') return start;
  const headers: SipHeader[] = [];
  let latin1 = false;
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i];
    if (line === undefined || line === '') continue;
    const match = headerLine.exec(line);
    if (!match || /[\r\n\0]/.test(line)) return `invalid header line: ${line.slice(0, 80).trim()}`;
    const name = wireName(match[1] ?? '');
    const value = (match[2] ?? '').trim();
    if (name === bodyEncodingHeader) latin1 = value === 'latin1';
    else headers.push({ name, value });
  }
  if (latin1) body = Buffer.from(body.toString('utf8'), 'latin1');
  else body = Buffer.from(body);
  return { start, headers, body };
};

const parseStart = (line: string): AppMessage['start'] | string => {
  const status = statusLine.exec(line);
  if (status) return { kind: 'response', status: Number(status[1]), reason: (status[2] ?? '').trim() };
  const request = requestLine.exec(line);
  if (!request) return `invalid start line: ${line.slice(0, 80)}`;
  return { kind: 'request', method: (request[1] ?? '').toUpperCase(), uri: request[2] ?? '' };
};
