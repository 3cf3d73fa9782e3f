import type { Filter } from './filters.js';
import { toText } from './values.js';

const text = (change: (value: string) => string): Filter => ({ min: 0, max: 0, run: (input) => change(toText(input)) });

const maxResult = 1_048_576;

/** Replaces every occurrence; the result's size is known before it is made. */
const replaceAll = (value: string, search: string, replacement: string): string => {
  if (search === '') return value;
  const pieces = value.split(search);
  if (value.length + (pieces.length - 1) * (replacement.length - search.length) > maxResult) {
    throw new Error(`makes more than ${maxResult} characters`);
  }
  return pieces.join(replacement);
};

export const textFilters: Record<string, Filter> = {
  uppercase: text((value) => value.toUpperCase()),
  lowercase: text((value) => value.toLowerCase()),
  uppercase_first: text((value) => value.slice(0, 1).toUpperCase() + value.slice(1)),
  uppercase_words: text((value) =>
    value.replace(/(^|\s)(\S)/gu, (_all, gap: string, first: string) => gap + first.toUpperCase()),
  ),
  replace: { min: 2, max: 2, run: (input, [search, by]) => replaceAll(toText(input), toText(search), toText(by)) },
};
