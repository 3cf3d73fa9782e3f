import { isSecretName } from '../../core/redaction.js';
import type { Header } from './headers.js';
import { bullets } from './template/values.js';

const judged = new Map<string, boolean>();
const maxJudged = 1_000;

/** True for a header whose value is never shown. The few names there are get judged once. */
export const isSensitiveHeader = (name: string): boolean => {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const sensitive = isSecretName(name);
  if (judged.size < maxJudged) judged.set(name, sensitive);
  return sensitive;
};

/** The values of headers that are not hidden by their name, as one text. */
export const openValues = (headers: readonly Header[]): string => {
  let text = '';
  for (const [name, value] of headers) if (!isSensitiveHeader(name)) text += `${value}\n`;
  return text;
};

/** Variables under these names carry preferences, not credentials: blanking them out of bodies would only do harm. */
const plainNames: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'accept-charset',
  'cache-control',
  'content-type',
  'content-language',
  'prefer',
]);

/** Shorter values are too likely to occur by chance. */
const minimumLength = 6;

/** Replaces known secret values wherever they occur. */
export type Redactor = {
  (text: string): string;
  /** True when a secret occurs in the text. Most runs ask once for everything and need no replacement at all. */
  finds(text: string): boolean;
};

/** The secret values of a header: the whole, and what follows the scheme (`Bearer …`, `Basic …`). */
export const secretsOfHeader = ([name, value]: Header): string[] => {
  if (plainNames.has(name.toLowerCase())) return [];
  const space = value.indexOf(' ');
  return space > 0 ? [value, value.slice(space + 1)] : [value];
};

const needsJsonEscape = /["\\\u0000-\u001f]/;
const needsPercent = /[^A-Za-z0-9\-_.!~*'()]/;

/** The ways in which a value may come back: as it is, in base64, in JSON, in a URL. */
const addSpellings = (value: string, known: Set<string>): void => {
  known.add(value);
  const bytes = Buffer.from(value, 'utf8');
  known.add(bytes.toString('base64'));
  if (needsJsonEscape.test(value)) known.add(JSON.stringify(value).slice(1, -1));
  if (needsPercent.test(value)) known.add(encodeURIComponent(bytes.toString('utf8')));
};

/** Makes a redactor of the values known in one call. The longest is replaced first: it may contain another. */
export const createRedactor = (values: Iterable<string>): Redactor => {
  const known = new Set<string>();
  for (const value of values) if (value.length >= minimumLength && !known.has(value)) addSpellings(value, known);
  const ordered = [...known].sort((a, b) => b.length - a.length);
  const redact = (text: string): string => {
    let clean = text;
    for (const secret of ordered) if (clean.includes(secret)) clean = clean.replaceAll(secret, bullets);
    return clean;
  };
  return Object.assign(redact, { finds: (text: string) => ordered.some((secret) => text.includes(secret)) });
};

/** A redactor for texts that are known to hold no secret. */
export const unchanged: Redactor = Object.assign((text: string) => text, { finds: () => false });

/** Headers as they may be shown and stored. */
export const redactHeaders = (headers: readonly Header[], redact: Redactor): Header[] =>
  headers.map((header) => {
    if (isSensitiveHeader(header[0])) return [header[0], bullets];
    return redact === unchanged ? header : [header[0], redact(header[1])];
  });
