import type { Filter } from './filters.js';
import { toText, type Value } from './values.js';

type Local = {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  millisecond: number;
  /** Seconds east of UTC. */
  offset: number;
  at: number;
  zone: string;
};

const formatters = new Map<string, Intl.DateTimeFormat>();
const maxZones = 600;

/** The formatter of a time zone, made once. Throws a sentence for a zone that does not exist. */
const formatterOf = (zone: string): Intl.DateTimeFormat => {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  let made: Intl.DateTimeFormat;
  try {
    made = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new Error(`knows no time zone "${zone.slice(0, 40)}"`);
  }
  if (formatters.size >= maxZones) formatters.clear();
  formatters.set(zone, made);
  return made;
};

const localTime = (at: number, zone: string): Local => {
  const fields: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(at)) fields[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  const offset = Math.round((wall - Math.floor(at / 1000) * 1000) / 1000);
  return { year, month, day, hour, minute, second, millisecond: ((at % 1000) + 1000) % 1000, offset, at, zone };
};

const dayMs = 86_400_000;
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

const two = (value: number): string => String(value).padStart(2, '0');
const midnight = (t: Local): number => Date.UTC(t.year, t.month - 1, t.day);
const weekday = (t: Local): number => new Date(midnight(t)).getUTCDay();
const dayOfYear = (t: Local): number => Math.round((midnight(t) - Date.UTC(t.year, 0, 1)) / dayMs);
const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const hour12 = (t: Local): number => t.hour % 12 || 12;

/** ISO 8601: the week belongs to the year that has its Thursday. */
const isoWeek = (t: Local): { year: number; week: number } => {
  const thursday = new Date(midnight(t) + (4 - (weekday(t) || 7)) * dayMs);
  const year = thursday.getUTCFullYear();
  return { year, week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / dayMs / 7) + 1 };
};

const offsetText = (t: Local, colon: string): string => {
  const minutes = Math.round(Math.abs(t.offset) / 60);
  return `${t.offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${colon}${two(minutes % 60)}`;
};

const daySuffix = (day: number): string =>
  day >= 11 && day <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th');

const summerTime = (t: Local): boolean => {
  const offsets = [0, 6].map((month) => localTime(Date.UTC(t.year, month, 1, 12), t.zone).offset);
  return t.offset > Math.min(...offsets);
};

const zoneAbbreviation = (t: Local): string => {
  if (t.zone === 'UTC') return 'UTC';
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: t.zone, timeZoneName: 'short' }).formatToParts(t.at);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? offsetText(t, ':');
};

const swatchBeat = (at: number): string =>
  String(Math.floor(((((at + 3_600_000) % dayMs) + dayMs) % dayMs) / 86_400)).padStart(3, '0');

/** PHP's date codes (php.net, DateTimeInterface::format). */
const codes: Readonly<Record<string, (t: Local) => string>> = {
  d: (t) => two(t.day),
  D: (t) => (days[weekday(t)] ?? '').slice(0, 3),
  j: (t) => String(t.day),
  l: (t) => days[weekday(t)] ?? '',
  N: (t) => String(weekday(t) || 7),
  S: (t) => daySuffix(t.day),
  w: (t) => String(weekday(t)),
  z: (t) => String(dayOfYear(t)),
  W: (t) => two(isoWeek(t).week),
  F: (t) => months[t.month - 1] ?? '',
  m: (t) => two(t.month),
  M: (t) => (months[t.month - 1] ?? '').slice(0, 3),
  n: (t) => String(t.month),
  t: (t) => String(new Date(Date.UTC(t.year, t.month, 0)).getUTCDate()),
  L: (t) => (isLeap(t.year) ? '1' : '0'),
  o: (t) => String(isoWeek(t).year),
  Y: (t) => String(t.year).padStart(4, '0'),
  y: (t) => two(t.year % 100),
  a: (t) => (t.hour < 12 ? 'am' : 'pm'),
  A: (t) => (t.hour < 12 ? 'AM' : 'PM'),
  B: (t) => swatchBeat(t.at),
  g: (t) => String(hour12(t)),
  G: (t) => String(t.hour),
  h: (t) => two(hour12(t)),
  H: (t) => two(t.hour),
  i: (t) => two(t.minute),
  s: (t) => two(t.second),
  u: (t) => String(t.millisecond * 1000).padStart(6, '0'),
  v: (t) => String(t.millisecond).padStart(3, '0'),
  e: (t) => t.zone,
  I: (t) => (summerTime(t) ? '1' : '0'),
  O: (t) => offsetText(t, ''),
  P: (t) => offsetText(t, ':'),
  p: (t) => (t.offset === 0 ? 'Z' : offsetText(t, ':')),
  T: zoneAbbreviation,
  Z: (t) => String(t.offset),
  c: (t) => formatLocal(t, 'Y-m-d\\TH:i:sP'),
  r: (t) => formatLocal(t, 'D, d M Y H:i:s O'),
  U: (t) => String(Math.floor(t.at / 1000)),
};

const formatLocal = (t: Local, format: string): string => {
  let out = '';
  for (let at = 0; at < format.length; at += 1) {
    const char = format[at] ?? '';
    if (char === '\\') {
      at += 1;
      out += format[at] ?? '';
    } else out += codes[char]?.(t) ?? char;
  }
  return out;
};

const dateTime =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s?(Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?$/;

const offsetMs = (zone: string | undefined): number => {
  if (zone === undefined || !/^[+-]/.test(zone)) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
};

/** Milliseconds of a Unix timestamp in seconds or of a date in ISO form; one without a zone is UTC. */
const instantOf = (input: Value): number | undefined => {
  const text = toText(input).trim();
  if (/^-?\d{1,12}(?:\.\d{1,9})?$/.test(text)) return Math.round(Number(text) * 1000);
  const match = dateTime.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const base = Date.UTC(year, month - 1, day, hour, minute, second);
  const check = new Date(base);
  if (check.getUTCMonth() !== month - 1 || check.getUTCDate() !== day || hour > 23 || minute > 59) return undefined;
  const fraction = match[7] === undefined ? 0 : Math.floor(Number(`0.${match[7]}`) * 1000);
  return base + fraction - offsetMs(match[8]);
};

/** The largest time JavaScript can name, milliseconds either side of 1970. */
const maxInstant = 8.64e15;

export const dateFilters: Record<string, Filter> = {
  /** `format_date <format> [time zone]`: PHP date codes, UTC unless a zone is given; empty for what is no date. */
  format_date: {
    min: 1,
    max: 2,
    run(input, [format, zone]) {
      const at = instantOf(input);
      if (at === undefined || Math.abs(at) > maxInstant) return '';
      const name = toText(zone);
      return formatLocal(localTime(at, name === '' ? 'UTC' : name), toText(format));
    },
  },
};
