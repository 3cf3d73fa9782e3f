import type { NameAddr, ViaValue } from './message.js';
import {
  type Cursor,
  isToken,
  isWhitespace,
  parseDecimal,
  quoted,
  readDigits,
  readPlainValue,
  readQuoted,
  readToken,
  skipWhitespace,
  take,
  trimmed,
  unquoted,
} from './scan.js';
import { formatHost, parseUri, readHost } from './uri.js';

const comma = 0x2c;
const semicolon = 0x3b;
const colon = 0x3a;
const equals = 0x3d;
const slash = 0x2f;
const quote = 0x22;
const less = 0x3c;

/**
 * Reads `;name=value` parameters of a header value at the cursor; undefined when one is malformed. Values stay as
 * written, quotes included, so that formatting them again changes nothing.
 */
const readParams = (c: Cursor): Map<string, string> | undefined => {
  const params = new Map<string, string>();
  for (;;) {
    skipWhitespace(c);
    if (!take(c, semicolon)) return params;
    skipWhitespace(c);
    const name = readToken(c).toLowerCase();
    if (name === '') return undefined;
    skipWhitespace(c);
    let value: string | undefined = '';
    if (take(c, equals)) {
      skipWhitespace(c);
      value = c.text.charCodeAt(c.at) === quote ? readQuoted(c) : readPlainValue(c);
      if (value === undefined || value === '') return undefined;
    }
    // A name may stand once (RFC 3261 section 7.3.1). Of two values every reader would believe another; the same twice
    // does no harm and comes from real devices.
    if (params.has(name) && params.get(name) !== value) return undefined;
    params.set(name, value);
  }
};

/** Reads values separated by commas up to the end of the text; undefined when one is malformed or none is there. */
const readList = <T>(text: string, read: (c: Cursor) => T | undefined): T[] | undefined => {
  const c: Cursor = { text, at: 0 };
  const values: T[] = [];
  for (;;) {
    const value = read(c);
    if (value === undefined) return undefined;
    values.push(value);
    skipWhitespace(c);
    if (c.at === text.length) return values;
    if (!take(c, comma)) return undefined;
  }
};

const readOne = <T>(text: string, read: (c: Cursor) => T | undefined): T | undefined => {
  const c: Cursor = { text, at: 0 };
  const value = read(c);
  skipWhitespace(c);
  return c.at === text.length ? value : undefined;
};

/** `SIP / 2.0 / UDP`: three tokens with free whitespace around the slashes; returns the transport. */
const readSentProtocol = (c: Cursor): string | undefined => {
  skipWhitespace(c);
  if (readToken(c).toUpperCase() !== 'SIP') return undefined;
  skipWhitespace(c);
  if (!take(c, slash)) return undefined;
  skipWhitespace(c);
  if (!/^\d+\.\d+$/.test(readToken(c))) return undefined;
  skipWhitespace(c);
  if (!take(c, slash)) return undefined;
  skipWhitespace(c);
  const transport = readToken(c);
  return transport === '' || !isWhitespace(c.text.charCodeAt(c.at)) ? undefined : transport.toUpperCase();
};

const readVia = (c: Cursor): ViaValue | undefined => {
  const transport = readSentProtocol(c);
  if (transport === undefined) return undefined;
  skipWhitespace(c);
  const host = readHost(c);
  if (host === undefined) return undefined;
  skipWhitespace(c);
  let port: number | undefined;
  if (take(c, colon)) {
    skipWhitespace(c);
    port = parseDecimal(readDigits(c), 65_535);
    if (port === undefined) return undefined;
  }
  const params = readParams(c);
  return params === undefined ? undefined : { transport, host, port, params };
};

/**
 * Parses one Via value (RFC 3261 section 20.42). The number of the version is not checked here, so that a request of
 * another version can be answered with 505. @returns undefined when malformed.
 */
export const parseVia = (value: string): ViaValue | undefined => readOne(value, readVia);

/** Parses a Via line that may hold several values. @returns undefined when any is malformed. */
export const parseViaList = (value: string): ViaValue[] | undefined => readList(value, readVia);

const formatParams = (params: ReadonlyMap<string, string>): string => {
  let text = '';
  for (const [name, value] of params) text += value === '' ? `;${name}` : `;${name}=${value}`;
  return text;
};

/** A Via value as text, always of version SIP/2.0. */
export const formatVia = (via: ViaValue): string => {
  const port = via.port === undefined ? '' : `:${via.port}`;
  return `SIP/2.0/${via.transport} ${formatHost(via.host)}${port}${formatParams(via.params)}`;
};

/** Finds where an unquoted display name or a bare URI ends: at `<`, a separator, a quote or the end. */
const endOfPlainPart = (c: Cursor): number => {
  const { text } = c;
  let i = c.at;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === less || code === semicolon || code === comma || code === quote) break;
  }
  return i;
};

const readNameAddr = (c: Cursor): NameAddr | undefined => {
  const { text } = c;
  skipWhitespace(c);
  let display = '';
  let uri: string;
  let bare = false;
  if (text.charCodeAt(c.at) === quote) {
    const name = readQuoted(c);
    if (name === undefined) return undefined;
    display = unquoted(name);
    skipWhitespace(c);
    if (text.charCodeAt(c.at) !== less) return undefined;
  } else {
    const end = endOfPlainPart(c);
    const part = trimmed(text, c.at, end);
    c.at = end;
    if (text.charCodeAt(end) === less) display = part;
    else bare = true;
    if (bare && (part === '' || part.includes('?'))) return undefined;
    uri = part;
    if (bare) {
      // Without angle brackets a `?`, `,` or `;` would not belong to the URI (RFC 3261 section 20.10).
      if (parseUri(uri) === undefined) return undefined;
      const params = readParams(c);
      return params === undefined ? undefined : { display: '', uri, params };
    }
  }
  const end = text.indexOf('>', c.at);
  if (end < 0) return undefined;
  uri = text.slice(c.at + 1, end);
  if (parseUri(uri) === undefined) return undefined;
  c.at = end + 1;
  const params = readParams(c);
  return params === undefined ? undefined : { display, uri, params };
};

/**
 * Parses `"Display" <uri>;params` or `uri;params` (RFC 3261 section 20.10), the URI validated too.
 * An unquoted display name may hold any text but separators and quotes, as many devices send it.
 * @returns undefined when malformed.
 */
export const parseNameAddr = (value: string): NameAddr | undefined => readOne(value, readNameAddr);

/** Parses a line of several such values (Contact, Route, P-Asserted-Identity, …). @returns undefined when malformed. */
export const parseNameAddrList = (value: string): NameAddr[] | undefined => readList(value, readNameAddr);

/** A name-addr as text: display name quoted, URI always in angle brackets. */
export const formatNameAddr = (value: NameAddr): string => {
  const display = value.display === '' ? '' : `${quoted(value.display)} `;
  return `${display}<${value.uri}>${formatParams(value.params)}`;
};

/** True when every word of a display name is a token, so that it may stand without quotes. */
const isPlainDisplay = (display: string): boolean =>
  display === '' || isToken(display) || display.split(/[ \t]+/).every((word) => isToken(word));

/**
 * The same value with quotes around an unquoted display name that needs them (`Jürgen (Büro) <sip:…>`): stricter
 * parsers behind us would not find the URI otherwise.
 */
export const withQuotedDisplay = (value: string, display: string): string => {
  if (value.charCodeAt(0) === quote || isPlainDisplay(display)) return value;
  return `${quoted(display)} ${value.slice(value.indexOf('<'))}`;
};

/** Parses CSeq (RFC 3261 section 20.16): a number below 2**31 and a method. @returns undefined when malformed. */
export const parseCSeq = (value: string): { number: number; method: string } | undefined => {
  const c: Cursor = { text: value, at: 0 };
  const number = parseDecimal(readDigits(c), 0x7fff_ffff);
  if (number === undefined || !isWhitespace(value.charCodeAt(c.at))) return undefined;
  skipWhitespace(c);
  const method = readToken(c);
  return method === '' || c.at !== value.length ? undefined : { number, method };
};
