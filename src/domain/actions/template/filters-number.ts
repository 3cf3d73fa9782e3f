import type { Filter } from './filters.js';
import { toText, type Value } from './values.js';

const small =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const tens = '- - twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const scales = ['', ' thousand', ' million', ' billion', ' trillion'];
/** Beyond this the words are no longer exact (and nobody says them on the telephone). */
const largest = 1e15;

const irregular: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};

const underThousand = (value: number): string => {
  const words: string[] = [];
  if (value >= 100) words.push(`${small[Math.floor(value / 100)]} hundred`);
  const rest = value % 100;
  if (rest > 0 && rest < 20) words.push(small[rest] ?? '');
  else if (rest > 0) words.push(`${tens[Math.floor(rest / 10)]}${rest % 10 > 0 ? `-${small[rest % 10]}` : ''}`);
  return words.join(' ');
};

const wholeToWords = (value: number): string => {
  if (value === 0) return 'zero';
  const groups: string[] = [];
  for (let left = value, scale = 0; left > 0; left = Math.floor(left / 1000), scale += 1) {
    const group = left % 1000;
    if (group > 0) groups.unshift(underThousand(group) + (scales[scale] ?? ''));
  }
  return groups.join(' ');
};

const toWords = (value: number): string => {
  const sign = value < 0 ? 'minus ' : '';
  const [whole = '0', fraction] = String(Math.abs(value)).split('.');
  const digits = fraction === undefined ? '' : ` point ${[...fraction].map((digit) => small[Number(digit)]).join(' ')}`;
  return sign + wholeToWords(Number(whole)) + digits;
};

const ordinalSuffix = (value: number): string => {
  const rest = Math.abs(value) % 100;
  if (rest >= 11 && rest <= 13) return 'th';
  return ['th', 'st', 'nd', 'rd'][rest % 10] ?? 'th';
};

const ordinalWords = (value: number): string => {
  const words = toWords(value);
  const start = Math.max(words.lastIndexOf(' '), words.lastIndexOf('-')) + 1;
  const last = words.slice(start);
  const regular = last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`;
  return words.slice(0, start) + (irregular[last] ?? regular);
};

/** Applies `change` to a number (or text that is one) in range; anything else passes as it is. */
const number = (change: (value: number) => string, whole: boolean): Filter => ({
  min: 0,
  max: 0,
  run(input): Value {
    const text = toText(input).trim();
    if (!/^-?\d{1,16}(?:\.\d{1,12})?$/.test(text)) return input;
    const value = Number(text);
    if (Math.abs(value) >= largest || String(value).includes('e') || (whole && !Number.isInteger(value))) return input;
    return change(value);
  },
});

export const numberFilters: Record<string, Filter> = {
  number_to_words: number(toWords, false),
  ordinal: number((value) => `${value}${ordinalSuffix(value)}`, true),
  ordinal_words: number(ordinalWords, true),
};
