/**
 * Character classes and the cursor that the header and URI grammars read with (RFC 3261 section 25.1). Every function
 * walks forward once, so a hostile value costs time in proportion to its length and nothing more.
 */
export type Cursor = { readonly text: string; at: number };

const TOKEN = 1;
const ALPHANUM = 2;
const HOST = 4;
const VALUE = 8;
const CALL_ID = 16;
const DIGIT = 32;

const classes = new Uint8Array(128);
const mark = (characters: string, bits: number): void => {
  for (const c of characters) classes[c.charCodeAt(0)]! |= bits;
};
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const digits = '0123456789';
mark(letters + digits, TOKEN | ALPHANUM | HOST);
mark(digits, DIGIT);
mark("-.!%*_+`'~", TOKEN);
// Underscores are no part of the grammar's host names, but container and Windows names carry them in Via and Contact.
mark('-._', HOST);
for (let c = 0x21; c < 0x7f; c++) {
  const text = String.fromCharCode(c);
  // Parameter values are tokens, hosts or quoted strings. Devices send `/`, `=`, `@` and the like unquoted, which is
  // unambiguous as long as no separator of the surrounding grammar is among them.
  if (!'",;<>\\'.includes(text)) classes[c]! |= VALUE;
  // `|` and `;` would be read as separators by the drachtio protocol, which carries the Call-ID inside its own lines.
  if (!'|;,'.includes(text)) classes[c]! |= CALL_ID;
}

const everyIs = (text: string, start: number, end: number, bits: number): boolean => {
  if (start >= end) return false;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c > 127 || (classes[c]! & bits) === 0) return false;
  }
  return true;
};

export const isToken = (text: string, start = 0, end = text.length): boolean => everyIs(text, start, end, TOKEN);
export const isAlphanumeric = (c: number): boolean => c < 128 && (classes[c]! & ALPHANUM) !== 0;
export const isHostCharacter = (c: number): boolean => c < 128 && (classes[c]! & HOST) !== 0;
export const isCallId = (text: string): boolean => everyIs(text, 0, text.length, CALL_ID);

export const isWhitespace = (c: number): boolean => c === 32 || c === 9;

/** A value without the spaces and tabs around it; no regular expression, whose backtracking a long run would feed. */
export const trimmed = (text: string, start: number, end: number): string => {
  let from = start;
  let to = end;
  while (from < to && isWhitespace(text.charCodeAt(from))) from++;
  while (to > from && isWhitespace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
};

/** Decimal digits only, at most `max`; undefined for anything else, whatever its length. */
export const parseDecimal = (text: string, max: number): number | undefined => {
  if (!everyIs(text, 0, text.length, DIGIT)) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    value = value * 10 + text.charCodeAt(i) - 48;
    if (value > max) return undefined;
  }
  return value;
};

export const skipWhitespace = (c: Cursor): void => {
  while (isWhitespace(c.text.charCodeAt(c.at))) c.at++;
};

/** Steps over one character when it is the next one. */
export const take = (c: Cursor, code: number): boolean => {
  if (c.text.charCodeAt(c.at) !== code) return false;
  c.at++;
  return true;
};

const readWhile = (c: Cursor, bits: number): string => {
  const start = c.at;
  const { text } = c;
  for (;;) {
    const code = text.charCodeAt(c.at);
    // NaN at the end of the text fails the comparison too.
    if (!(code < 128) || (classes[code]! & bits) === 0) break;
    c.at++;
  }
  return text.slice(start, c.at);
};

/** The longest token at the cursor, '' when there is none. */
export const readToken = (c: Cursor): string => readWhile(c, TOKEN);
/** The longest host name at the cursor; IPv6 references are the caller's. */
export const readHostName = (c: Cursor): string => readWhile(c, HOST);
/** Decimal digits at the cursor as text, '' when there are none. */
export const readDigits = (c: Cursor): string => readWhile(c, DIGIT);
/** An unquoted parameter value. */
export const readPlainValue = (c: Cursor): string => readWhile(c, VALUE);

/** A quoted string with its quotes and escapes as written; undefined when it does not end. */
export const readQuoted = (c: Cursor): string | undefined => {
  const start = c.at;
  const { text } = c;
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i++;
    else if (code === 0x22) {
      c.at = i + 1;
      return text.slice(start, c.at);
    }
  }
  return undefined;
};

/** What a quoted string means: quotes off, `\x` as `x`. */
export const unquoted = (quoted: string): string => {
  const inner = quoted.slice(1, -1);
  return inner.includes('\\') ? inner.replace(/\\([\s\S])/g, '$1') : inner;
};

/** Text as a quoted string; line ends cannot be part of one and become spaces. */
export const quoted = (text: string): string => `"${text.replace(/[\r\n]+/g, ' ').replace(/(["\\])/g, '\\$1')}"`;
