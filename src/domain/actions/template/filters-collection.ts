import type { Filter } from './filters.js';
import { isRecord, type JsonValue, stepInto, toText, type Value } from './values.js';

const numberOf = (value: Value, what: string): number => {
  const text = toText(value).trim();
  if (!/^-?\d{1,9}$/.test(text)) throw new Error(`needs a whole number as ${what}`);
  return Number(text);
};

const plain = (value: Value): JsonValue => (value === undefined || value instanceof Uint8Array ? toText(value) : value);

const compare = (a: Value, b: Value): number => {
  const [left, right] = [toText(a), toText(b)];
  const [x, y] = [Number(left), Number(right)];
  if (left !== '' && right !== '' && Number.isFinite(x) && Number.isFinite(y)) return x - y;
  return left < right ? -1 : left > right ? 1 : 0;
};

/** The operations of `where`; the first is what it does when none is named. */
const operations: Readonly<Record<string, (field: Value, value: Value) => boolean>> = {
  eq: (field, value) => toText(field) === toText(value),
  ne: (field, value) => toText(field) !== toText(value),
  gt: (field, value) => field !== undefined && compare(field, value) > 0,
  gte: (field, value) => field !== undefined && compare(field, value) >= 0,
  lt: (field, value) => field !== undefined && compare(field, value) < 0,
  lte: (field, value) => field !== undefined && compare(field, value) <= 0,
  contains: (field, value) =>
    Array.isArray(field) ? field.some((item) => toText(item) === toText(value)) : toText(field).includes(toText(value)),
  in: (field, value) =>
    (Array.isArray(value)
      ? value.map(toText)
      : toText(value)
          .split(',')
          .map((item) => item.trim())
    ).includes(toText(field)),
};

const symbols: Readonly<Record<string, string>> = {
  '=': 'eq',
  '==': 'eq',
  '!=': 'ne',
  '<>': 'ne',
  '>': 'gt',
  '>=': 'gte',
  '<': 'lt',
  '<=': 'lte',
};

const where = (input: Value, [field, value, operation]: readonly Value[]): Value => {
  const asked = operation === undefined ? 'eq' : toText(operation).toLowerCase();
  const name = Object.hasOwn(symbols, asked) ? (symbols[asked] ?? asked) : asked;
  const holds = Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (holds === undefined) throw new Error(`knows ${Object.keys(operations).join(', ')}, not "${asked.slice(0, 40)}"`);
  if (!Array.isArray(input)) return undefined;
  const key = toText(field);
  return input.filter((item: JsonValue) => holds(stepInto(item, key), value));
};

const select = (input: Value, field: string): Value =>
  Array.isArray(input) ? input.map((item: JsonValue) => plain(stepInto(item, field))) : stepInto(input, field);

const count = (input: Value): number => {
  if (Array.isArray(input)) return input.length;
  if (isRecord(input)) return Object.keys(input).length;
  return toText(input) === '' ? 0 : 1;
};

export const collectionFilters: Record<string, Filter> = {
  count: { min: 0, max: 0, run: (input) => count(input) },
  /** `where <field> <value> [operation]` */
  where: { min: 2, max: 3, run: where },
  select: { min: 1, max: 1, run: (input, [field]) => select(input, toText(field)) },
  /** `range <start> <number>`: a negative start counts from the end. */
  range: {
    min: 2,
    max: 2,
    run(input, [start, number]) {
      if (!Array.isArray(input)) return undefined;
      const wanted = numberOf(start, 'start');
      const from = wanted < 0 ? Math.max(0, input.length + wanted) : wanted;
      return input.slice(from, from + Math.max(0, numberOf(number, 'number')));
    },
  },
  /** `last` is the last item; `last <n>` the collection of the last n. */
  last: {
    min: 0,
    max: 1,
    run(input, [number]) {
      if (!Array.isArray(input)) return undefined;
      if (number === undefined) return input.at(-1);
      const wanted = Math.max(0, numberOf(number, 'number'));
      return wanted === 0 ? [] : input.slice(-wanted);
    },
  },
};
