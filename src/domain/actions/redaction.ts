import type { Header } from './headers.js';
import { bullets } from './template/values.js';

/** Names whose values are never shown, whoever set them. */
const sensitiveName =
  /^(?:proxy-)?authorization$|^(?:set-)?cookie2?$|(?:^|-)(?:token|key|secret|signature|password|credential)s?$/i;

/** The idempotency key ends in -Key but is no secret, and an operator needs it to find the call at the target. */
const openNames: ReadonlySet<string> = new Set(['idempotency-key']);

export const isSensitiveHeader = (name: string): boolean =>
  sensitiveName.test(name) && !openNames.has(name.toLowerCase());

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
export type Redactor = { (text: string): string; readonly empty: boolean };

/** The secret values of a header: the whole, and what follows the scheme (`Bearer …`, `Basic …`). */
export const secretsOfHeader = ([name, value]: Header): string[] => {
  if (plainNames.has(name.toLowerCase())) return [];
  const space = value.indexOf(' ');
  return space > 0 ? [value, value.slice(space + 1)] : [value];
};

/** The ways in which a value may come back: as it is, in JSON, in a URL, in base64. */
const spellings = (value: string): string[] => [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(Buffer.from(value, 'utf8').toString('utf8')),
  Buffer.from(value, 'utf8').toString('base64'),
];

/** Makes a redactor of the values known in one call. The longest is replaced first: it may contain another. */
export const createRedactor = (values: Iterable<string>): Redactor => {
  const known = new Set<string>();
  for (const value of values) {
    if (value.length < minimumLength) continue;
    for (const spelling of spellings(value)) known.add(spelling);
  }
  const ordered = [...known].sort((a, b) => b.length - a.length);
  const redact = (text: string): string => {
    let clean = text;
    for (const secret of ordered) if (clean.includes(secret)) clean = clean.replaceAll(secret, bullets);
    return clean;
  };
  return Object.assign(redact, { empty: ordered.length === 0 });
};

/** Headers as they may be shown and stored. */
export const redactHeaders = (headers: readonly Header[], redact: Redactor): Header[] =>
  headers.map(([name, value]) => [name, isSensitiveHeader(name) ? bullets : redact(value)]);
