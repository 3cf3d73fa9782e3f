import { canonicalName } from './header-names.js';
import type { SipHeader } from './message.js';

type HasHeaders = { headers: SipHeader[] };

const matches = (header: SipHeader, canonical: string): boolean =>
  header.name === canonical ||
  (header.name.length === canonical.length && header.name.toLowerCase() === canonical.toLowerCase());

/** The value of the first line of that name (any case, long or compact form). */
export const getHeader = (message: HasHeaders, name: string): string | undefined => {
  const canonical = canonicalName(name);
  for (const header of message.headers) if (matches(header, canonical)) return header.value;
  return undefined;
};

/** The values of all lines of that name, in the order of the wire; a line with a list is one value. */
export const getHeaders = (message: HasHeaders, name: string): string[] => {
  const canonical = canonicalName(name);
  const values: string[] = [];
  for (const header of message.headers) if (matches(header, canonical)) values.push(header.value);
  return values;
};

/** All values of a header that may hold lists (Route, Contact, Supported, …), lists taken apart. */
export const getHeaderList = (message: HasHeaders, name: string): string[] =>
  getHeaders(message, name).flatMap(splitList);

/** Replaces every line of that name by one, at the place of the first, or adds one at the end. */
export const setHeader = (message: HasHeaders, name: string, value: string): void => {
  const canonical = canonicalName(name);
  const first = message.headers.findIndex((h) => matches(h, canonical));
  if (first < 0) {
    message.headers.push({ name: canonical, value });
    return;
  }
  message.headers = message.headers.filter((h, i) => i <= first || !matches(h, canonical));
  message.headers[first] = { name: canonical, value };
};

export const removeHeader = (message: HasHeaders, name: string): void => {
  const canonical = canonicalName(name);
  message.headers = message.headers.filter((h) => !matches(h, canonical));
};

/** Adds a line before the first of the same name (a Via or Record-Route of ours), or at the top when there is none. */
export const prependHeader = (message: HasHeaders, name: string, value: string): void => {
  const canonical = canonicalName(name);
  const first = message.headers.findIndex((h) => matches(h, canonical));
  message.headers.splice(Math.max(first, 0), 0, { name: canonical, value });
};

/** Adds a line at the end. */
export const appendHeader = (message: HasHeaders, name: string, value: string): void => {
  message.headers.push({ name: canonicalName(name), value });
};

/**
 * Takes the first value off the topmost line of that name, lists included (a proxy removing its Via or Route).
 * Returns the value removed.
 */
export const removeFirstValue = (message: HasHeaders, name: string): string | undefined => {
  const canonical = canonicalName(name);
  const index = message.headers.findIndex((h) => matches(h, canonical));
  const header = message.headers[index];
  if (header === undefined) return undefined;
  const [first, ...rest] = splitList(header.value);
  if (rest.length === 0) message.headers.splice(index, 1);
  else message.headers[index] = { name: header.name, value: rest.join(', ') };
  return first;
};

/**
 * The parts of a comma-separated value, trimmed. Commas inside quoted strings and angle brackets do not separate;
 * empty parts are left out, as lists may have them (RFC 3261 section 7.3.1).
 */
export const splitList = (value: string): string[] => {
  const parts: string[] = [];
  let start = 0;
  let inQuotes = false;
  let inBrackets = false;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (inQuotes) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inQuotes = false;
    } else if (c === 0x22) inQuotes = true;
    else if (c === 0x3c) inBrackets = true;
    else if (c === 0x3e) inBrackets = false;
    else if (c === 0x2c && !inBrackets) {
      const part = value.slice(start, i).trim();
      if (part !== '') parts.push(part);
      start = i + 1;
    }
  }
  const last = value.slice(start).trim();
  if (last !== '') parts.push(last);
  return parts;
};

/**
 * Drops header lines whose names have %-escapes. Such names are tokens and mean nothing to SIP, but drachtio-srf decodes
 * them: `C%6Fntact` would reach the application as a Contact that no rule of ours has seen.
 */
export const dropEscapedNames = (message: HasHeaders): void => {
  if (message.headers.some((h) => h.name.includes('%'))) {
    message.headers = message.headers.filter((h) => !h.name.includes('%'));
  }
};
