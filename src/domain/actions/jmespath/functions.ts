import { isRecord, type JsonValue } from '../template/values.js';
import { type Budget, deepEqual } from './budget.js';
import { JmesPathError } from './syntax.js';

/** An expression that is handed to a function (`&expr`). */
export type Run = (value: JsonValue, budget: Budget) => JsonValue;

/** The types an argument may have. `any` is every JSON value; `expref` an expression. */
type Kind =
  | 'any'
  | 'number'
  | 'string'
  | 'array'
  | 'object'
  | 'boolean'
  | 'numbers'
  | 'strings'
  | 'comparables'
  | 'expref';

export type JmesFunction = {
  readonly signature: readonly (readonly Kind[])[];
  /** The last argument may repeat. */
  readonly variadic?: boolean;
  readonly run: (args: readonly JsonValue[], budget: Budget, references: readonly (Run | undefined)[]) => JsonValue;
};

const maxText = 4_194_304;

export const typeOf = (value: JsonValue): string => {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
};

const isArrayOf = (value: JsonValue, type: 'number' | 'string'): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === type);

/** True when a value is of the kind. */
export const isKind = (value: JsonValue, kind: Kind): boolean => {
  switch (kind) {
    case 'any':
      return true;
    case 'numbers':
      return isArrayOf(value, 'number');
    case 'strings':
      return isArrayOf(value, 'string');
    case 'comparables':
      return isArrayOf(value, 'number') || isArrayOf(value, 'string');
    case 'expref':
      return false;
    default:
      return typeOf(value) === kind;
  }
};

const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);
const numbers = (value: JsonValue | undefined): number[] => list(value).map(Number);
const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
const order = (a: JsonValue, b: JsonValue): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : left > right ? 1 : 0;
};

const paySort = (count: number, budget: Budget): void => budget.pay(count * Math.max(1, Math.log2(count + 1)));

const extreme = (values: readonly JsonValue[], sign: 1 | -1, budget: Budget): JsonValue => {
  budget.pay(values.length);
  let best: JsonValue = values[0] ?? null;
  for (const value of values) if (order(value, best) * sign > 0) best = value;
  return best;
};

/** The sort keys of a collection, which must all be numbers or all strings. */
const keysBy = (values: readonly JsonValue[], by: Run | undefined, budget: Budget): JsonValue[] => {
  const keys = values.map((value) => by?.(value, budget) ?? null);
  if (!isKind(keys, 'comparables')) {
    throw new JmesPathError('invalid-type', 'the expression must yield numbers only or strings only');
  }
  return keys;
};

const extremeBy = (values: readonly JsonValue[], by: Run | undefined, sign: 1 | -1, budget: Budget): JsonValue => {
  const keys = keysBy(values, by, budget);
  let best = -1;
  keys.forEach((key, index) => {
    if (best === -1 || order(key, keys[best] ?? null) * sign > 0) best = index;
  });
  return values[best] ?? null;
};

const cappedText = (value: string): string => {
  if (value.length > maxText) throw new JmesPathError('limit', 'the expression makes a text that is too long');
  return value;
};

const joined = (glue: string, parts: readonly JsonValue[], budget: Budget): string => {
  let length = 0;
  for (const part of parts) {
    length += text(part).length + glue.length;
    budget.pay(1);
    if (length > maxText) throw new JmesPathError('limit', 'the expression makes a text that is too long');
  }
  budget.pay(length / 16);
  return parts.join(glue);
};

const stringified = (value: JsonValue, budget: Budget): string => {
  if (typeof value === 'string') return value;
  budget.payForAll(value);
  return cappedText(JSON.stringify(value));
};

const merged = (objects: readonly JsonValue[], budget: Budget): JsonValue => {
  // Without a prototype there is nothing that a key of the document could replace.
  const result: Record<string, JsonValue> = Object.create(null);
  for (const object of objects) {
    if (!isRecord(object)) continue;
    const keys = Object.keys(object);
    budget.pay(keys.length);
    for (const key of keys) result[key] = object[key] ?? null;
  }
  return result;
};

const numeric = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** JSON inside a string of JSON, as some systems send it; `null` for what is none. */
const decoded = (value: JsonValue, budget: Budget): JsonValue => {
  if (typeof value !== 'string') return null;
  budget.pay(1 + value.length / 4);
  try {
    const parsed: JsonValue = JSON.parse(value);
    budget.pay(value.length / 4);
    return parsed;
  } catch {
    return null;
  }
};

const any = ['any'] as const;
const number = ['number'] as const;
const string = ['string'] as const;
const array = ['array'] as const;
const object = ['object'] as const;
const expref = ['expref'] as const;

const table: Record<string, JmesFunction> = {
  abs: { signature: [number], run: ([value]) => Math.abs(Number(value)) },
  avg: {
    signature: [['numbers']],
    run: ([values]) => {
      const all = numbers(values);
      return all.length === 0 ? null : all.reduce((sum, value) => sum + value, 0) / all.length;
    },
  },
  ceil: { signature: [number], run: ([value]) => Math.ceil(Number(value)) },
  contains: {
    signature: [['array', 'string'], any],
    run: ([subject = null, search = null], budget) => {
      if (typeof subject !== 'string') return list(subject).some((item) => deepEqual(item, search, budget));
      budget.pay(subject.length / 16);
      return typeof search === 'string' && subject.includes(search);
    },
  },
  ends_with: { signature: [string, string], run: ([value, end]) => text(value).endsWith(text(end)) },
  floor: { signature: [number], run: ([value]) => Math.floor(Number(value)) },
  join: { signature: [string, ['strings']], run: ([glue, parts], budget) => joined(text(glue), list(parts), budget) },
  json_decode: { signature: [any], run: ([value = null], budget) => decoded(value, budget) },
  keys: { signature: [object], run: ([value]) => (isRecord(value) ? Object.keys(value) : []) },
  length: {
    signature: [['string', 'array', 'object']],
    run: ([value = null], budget) => {
      if (typeof value === 'string') {
        budget.pay(value.length / 4);
        let count = 0;
        for (const _ of value) count += 1;
        return count;
      }
      return Array.isArray(value) ? value.length : isRecord(value) ? Object.keys(value).length : null;
    },
  },
  map: {
    signature: [expref, array],
    run: ([, values], budget, [by]) => list(values).map((value) => by?.(value, budget) ?? null),
  },
  max: { signature: [['comparables']], run: ([values], budget) => extreme(list(values), 1, budget) },
  max_by: { signature: [array, expref], run: ([values], budget, [, by]) => extremeBy(list(values), by, 1, budget) },
  merge: { signature: [object], variadic: true, run: merged },
  min: { signature: [['comparables']], run: ([values], budget) => extreme(list(values), -1, budget) },
  min_by: { signature: [array, expref], run: ([values], budget, [, by]) => extremeBy(list(values), by, -1, budget) },
  not_null: { signature: [any], variadic: true, run: (args) => args.find((value) => value !== null) ?? null },
  reverse: {
    signature: [['array', 'string']],
    run: ([value = null], budget) => {
      if (typeof value !== 'string') return [...list(value)].reverse();
      budget.pay(value.length / 4);
      return [...value].reverse().join('');
    },
  },
  sort: {
    signature: [['comparables']],
    run: ([values], budget) => {
      paySort(list(values).length, budget);
      return [...list(values)].sort(order);
    },
  },
  sort_by: {
    signature: [array, expref],
    run: ([values], budget, [, by]) => {
      const all = list(values);
      const keys = keysBy(all, by, budget);
      paySort(all.length, budget);
      return all
        .map((value, index) => ({ value, key: keys[index] ?? null }))
        .sort((a, b) => order(a.key, b.key))
        .map(({ value }) => value);
    },
  },
  starts_with: { signature: [string, string], run: ([value, start]) => text(value).startsWith(text(start)) },
  sum: { signature: [['numbers']], run: ([values]) => numbers(values).reduce((sum, value) => sum + value, 0) },
  to_array: { signature: [any], run: ([value = null]) => (Array.isArray(value) ? value : [value]) },
  to_number: {
    signature: [any],
    run: ([value = null]) => {
      if (typeof value === 'number') return value;
      return typeof value === 'string' && value.length <= 400 && numeric.test(value) ? Number(value) : null;
    },
  },
  to_string: { signature: [any], run: ([value = null], budget) => stringified(value, budget) },
  type: { signature: [any], run: ([value = null]) => typeOf(value) },
  values: { signature: [object], run: ([value]) => (isRecord(value) ? Object.values(value) : []) },
};

/** The 26 functions of the specification and `json_decode`. */
export const functions: ReadonlyMap<string, JmesFunction> = new Map(Object.entries(table));
