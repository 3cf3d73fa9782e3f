import { isIPv6 } from 'node:net';
import type { SipUri } from './message.js';
import { type Cursor, isAlphanumeric, isHostCharacter, parseDecimal, readHostName } from './scan.js';

const percent = 0x25;

const hexValue = (c: number): number => {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
};

const isUnreserved = (c: number): boolean => isAlphanumeric(c) || "-_.!~*'()".includes(String.fromCharCode(c));

/**
 * Text whose every character is in `allowed` or a complete %-escape. Escapes of characters that need none are decoded
 * and the others get upper-case digits, so that equal URIs have equal text (RFC 3986 section 6.2.2); undefined when a
 * character is out of place. Nothing dangerous (NUL, line ends, separators) comes out of an escape.
 */
const checkedText = (text: string, start: number, end: number, allowed: Uint8Array): string | undefined => {
  let escaped = false;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === percent) {
      if (i + 2 >= end || hexValue(text.charCodeAt(i + 1)) < 0 || hexValue(text.charCodeAt(i + 2)) < 0)
        return undefined;
      escaped = true;
      i += 2;
    } else if (c > 127 || allowed[c] === 0) return undefined;
  }
  const part = text.slice(start, end);
  if (!escaped) return part;
  return part.replace(/%[0-9a-fA-F]{2}/g, (triplet) => {
    const code = Number.parseInt(triplet.slice(1), 16);
    return isUnreserved(code) ? String.fromCharCode(code) : triplet.toUpperCase();
  });
};

const charactersExcept = (excluded: string): Uint8Array => {
  const table = new Uint8Array(128);
  for (let c = 0x21; c < 0x7f; c++) table[c] = excluded.includes(String.fromCharCode(c)) ? 0 : 1;
  return table;
};
// `#` is not in the grammar of the user part, but star codes are dialled with it unescaped.
const userCharacters = charactersExcept('@<>"\\^`{}|[]:%');
const passwordCharacters = charactersExcept('@<>"\\^`{}|[]:%;?/#');
const parameterCharacters = charactersExcept(';?<>"\\@%,');
const headerCharacters = charactersExcept('<>"\\%');
const opaqueCharacters = charactersExcept('<>"\\');

/** Reads a host name, IPv4 address or bracketed IPv6 address; returned lower case without brackets. */
export const readHost = (c: Cursor): string | undefined => {
  if (c.text.charCodeAt(c.at) === 0x5b) {
    const end = c.text.indexOf(']', c.at);
    if (end < 0 || end - c.at > 46) return undefined;
    const address = c.text.slice(c.at + 1, end);
    if (!isIPv6(address) || address.includes('%')) return undefined;
    c.at = end + 1;
    return address.toLowerCase();
  }
  const name = readHostName(c);
  return name === '' || name.length > 255 ? undefined : name.toLowerCase();
};

/** Reads `;name=value` pairs of a URI up to `?` or the end into `params`; false when one is malformed. */
const readUriParams = (text: string, from: number, to: number, params: Map<string, string>): boolean => {
  let at = from;
  while (at < to) {
    let end = text.indexOf(';', at + 1);
    if (end < 0 || end > to) end = to;
    let equals = text.indexOf('=', at + 1);
    if (equals < 0 || equals > end) equals = end;
    const name = checkedText(text, at + 1, equals, parameterCharacters)?.toLowerCase();
    const value = equals < end ? checkedText(text, equals + 1, end, parameterCharacters) : '';
    if (name === undefined || name === '' || value === undefined) return false;
    // `;user=phone;user=phone` does no harm and is sent by carriers; two values of one name contradict each other.
    if (params.has(name) && params.get(name) !== value) return false;
    params.set(name, value);
    at = end;
  }
  return true;
};

const parseSipScheme = (scheme: 'sip' | 'sips', text: string, start: number): SipUri | undefined => {
  let user: string | undefined;
  let password: string | undefined;
  let hostStart = start;
  const at = text.indexOf('@', start);
  if (at >= 0) {
    const colon = text.indexOf(':', start);
    const userEnd = colon >= 0 && colon < at ? colon : at;
    user = checkedText(text, start, userEnd, userCharacters);
    if (user === undefined || user === '') return undefined;
    if (userEnd < at) {
      password = checkedText(text, userEnd + 1, at, passwordCharacters);
      if (password === undefined) return undefined;
    }
    hostStart = at + 1;
  }
  const c: Cursor = { text, at: hostStart };
  const host = readHost(c);
  if (host === undefined) return undefined;
  let port: number | undefined;
  if (text.charCodeAt(c.at) === 0x3a) {
    const portStart = ++c.at;
    while (isHostCharacter(text.charCodeAt(c.at))) c.at++;
    port = parseDecimal(text.slice(portStart, c.at), 65_535);
    if (port === undefined) return undefined;
  }
  const question = text.indexOf('?', c.at);
  const paramsEnd = question < 0 ? text.length : question;
  const params = new Map<string, string>();
  if (c.at < paramsEnd) {
    if (text.charCodeAt(c.at) !== 0x3b || !readUriParams(text, c.at, paramsEnd, params)) return undefined;
  }
  const headers = question < 0 ? '' : checkedText(text, question + 1, text.length, headerCharacters);
  if (headers === undefined || (question >= 0 && headers === '')) return undefined;
  return { scheme, user, password, host, port, params, headers };
};

const parseTelScheme = (text: string, start: number): SipUri | undefined => {
  let end = text.indexOf(';', start);
  if (end < 0) end = text.length;
  const number = text.slice(start, end);
  if (!/^\+?[0-9A-Fa-f*#().-]+$/.test(number) || !/[0-9A-Fa-f*#]/.test(number)) return undefined;
  const params = new Map<string, string>();
  if (!readUriParams(text, end, text.length, params)) return undefined;
  return { scheme: 'tel', user: number, password: undefined, host: '', port: undefined, params, headers: '' };
};

/**
 * Parses a URI of RFC 3261 section 19.1 (sip, sips), RFC 3966 (tel; the number is `user`, `host` is empty) or any other
 * scheme (`opaque` holds what follows the colon). Host and parameter names come out lower case, escapes normalised.
 * @returns undefined when the text is no URI.
 */
export const parseUri = (text: string): SipUri | undefined => {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon > 32) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme === 'sip' || scheme === 'sips') return parseSipScheme(scheme, text, colon + 1);
  if (scheme === 'tel') return parseTelScheme(text, colon + 1);
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme) || colon + 1 === text.length) return undefined;
  const opaque = text.slice(colon + 1);
  for (let i = 0; i < opaque.length; i++) {
    const code = opaque.charCodeAt(i);
    if (code > 127 || opaqueCharacters[code] === 0) return undefined;
  }
  return {
    scheme,
    user: undefined,
    password: undefined,
    host: '',
    port: undefined,
    params: new Map(),
    headers: '',
    opaque,
  };
};

/** A host as it stands in URIs and Via: IPv6 addresses in brackets. */
export const formatHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The text of a URI; the reverse of `parseUri`. */
export const formatUri = (uri: SipUri): string => {
  let text = `${uri.scheme}:`;
  if (uri.opaque !== undefined) return text + uri.opaque;
  if (uri.user !== undefined) text += uri.user;
  if (uri.scheme !== 'tel') {
    if (uri.user !== undefined) text += uri.password === undefined ? '@' : `:${uri.password}@`;
    text += formatHost(uri.host);
    if (uri.port !== undefined) text += `:${uri.port}`;
  }
  for (const [name, value] of uri.params) text += value === '' ? `;${name}` : `;${name}=${value}`;
  return uri.headers === '' ? text : `${text}?${uri.headers}`;
};
