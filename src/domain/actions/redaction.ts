import { headerName } from './header-name.js';
import type { Header } from './headers.js';
import { bullets } from './template/values.js';

/** True for a header whose value is never shown. */
export const isSensitiveHeader = (name: string): boolean => headerName(name).sensitive;

/** Shorter values are too likely to occur by chance. */
const minimumLength = 6;

/** Replaces known secret values wherever they occur. */
export type Redactor = {
  text(value: string): string;
  /**
   * The same for a text that may be JSON, which stays JSON: a number that is a secret becomes a string of bullets, one
   * that merely contains its digits is another number. Secrets written with escapes are found too.
   */
  json(value: string): string;
  /** True when a secret occurs in the text. Most runs ask once for everything and need no replacement at all. */
  finds(text: string): boolean;
};

/** A value that is shorter, or of one kind of characters, is an ordinary one: a number of a customer, a name, a language. */
const keyLength = 16;

/**
 * True for a header whose value is a credential, by its name or by its looks: not even the AI and later actions of the
 * call may get it back from a target. The values of other headers (`X-Customer-Id: 884213`) are kept out of what is
 * stored and shown, but a target that answers with one answers with an ordinary value.
 */
export const isCredential = ([name, value]: Header): boolean => {
  const { sensitive, plain, identifies } = headerName(name);
  if (sensitive || plain) return sensitive;
  if (/^(?:bearer|basic) /i.test(value)) return true;
  return !identifies && value.length >= keyLength && /[A-Za-z]/.test(value) && /\d/.test(value);
};

/** Adds the secret values of a header: the whole, and what follows the scheme (`Bearer …`, `Basic …`). */
export const addSecretsOf = ([name, value]: Header, secrets: string[]): void => {
  if (headerName(name).plain) return;
  secrets.push(value);
  const space = value.indexOf(' ');
  if (space > 0) secrets.push(value.slice(space + 1));
};

/** The secret values of a header. */
export const secretsOfHeader = (header: Header): string[] => {
  const secrets: string[] = [];
  addSecretsOf(header, secrets);
  return secrets;
};

const needsJsonEscape = /["\\\u0000-\u001f]/;
const needsPercent = /[^A-Za-z0-9\-_.!~*'()]/;

/** The ways in which a value may come back: as it is, in base64, in JSON, in a URL. */
const addSpellings = (value: string, known: string[]): void => {
  const bytes = Buffer.from(value, 'utf8');
  known.push(value, bytes.toString('base64'));
  if (needsJsonEscape.test(value)) known.push(JSON.stringify(value).slice(1, -1));
  if (needsPercent.test(value)) known.push(encodeURIComponent(bytes.toString('utf8')));
};

/** A redactor for texts that are known to hold no secret. */
export const unchanged: Redactor = { text: (value) => value, json: (value) => value, finds: () => false };

/** The parts of JSON that can hold a secret: strings, keys among them, and numbers. */
const leaves = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const quotedBullets = JSON.stringify(bullets);

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** Makes a redactor of the values known in one call. */
export const createRedactor = (values: readonly string[]): Redactor => {
  const known: string[] = [];
  for (const value of values) if (value.length >= minimumLength) addSpellings(value, known);
  if (known.length === 0) return unchanged;
  let isSorted = false;
  const text = (value: string): string => {
    // The longest is replaced first: it may contain another.
    if (!isSorted) known.sort((a, b) => b.length - a.length);
    isSorted = true;
    let clean = value;
    for (const secret of known) if (clean.includes(secret)) clean = clean.replaceAll(secret, bullets);
    return clean;
  };
  const cleanLeaf = (leaf: string): string => {
    if (!leaf.startsWith('"')) return known.includes(leaf) ? quotedBullets : leaf;
    const value = leaf.includes('\\') ? String(JSON.parse(leaf)) : leaf.slice(1, -1);
    const clean = text(value);
    return clean === value ? leaf : JSON.stringify(clean);
  };
  return {
    text,
    json(value) {
      if (!isJson(value)) return text(value);
      let clean = value.replace(leaves, cleanLeaf);
      // A secret that is JSON itself stands over several leaves.
      for (const secret of known) {
        if (/[{[]/.test(secret) && clean.includes(secret)) {
          clean = clean.replaceAll(secret, isJson(secret) ? quotedBullets : bullets);
        }
      }
      return clean;
    },
    finds(text) {
      for (const secret of known) if (text.includes(secret)) return true;
      return false;
    },
  };
};

/** True when a secret occurs in a header that is not hidden by its name. */
export const showsSecret = (headers: readonly Header[], redact: Redactor): boolean => {
  for (const header of headers) if (!headerName(header[0]).sensitive && redact.finds(header[1])) return true;
  return false;
};

/** Headers as they may be shown and stored. */
export const redactHeaders = (headers: readonly Header[], redact: Redactor): Header[] =>
  headers.map((header) => {
    if (headerName(header[0]).sensitive) return [header[0], bullets];
    return redact === unchanged ? header : [header[0], redact.text(header[1])];
  });
