import { type Clock, systemClock } from '../../../core/clock.js';
import { isRecord, type JsonValue } from '../template/values.js';
import { JmesPathError } from './syntax.js';

/** What one evaluation may use up. Every step pays; the clock is looked at only now and then, since asking costs too. */
export type Budget = {
  /** Pays for `units` elementary steps. Throws `limit` when time is up. */
  pay(units: number): void;
  /** Pays for every value inside `value` and refuses what is nested too deeply or has grown too large. */
  payForAll(value: JsonValue): void;
};

/** Time for one evaluation, milliseconds. */
export const evaluationLimitMs = 50;
const unitsBetweenLooks = 4_096;
const maxUnits = 1_500_000;
const maxDepth = 200;
const charactersPerUnit = 16;

export const createBudget = (clock: Clock = systemClock): Budget => {
  // The time runs from the first look on; what is done before it takes microseconds, and most evaluations end there.
  let end: number | undefined;
  let untilLook = unitsBetweenLooks;
  const pay = (units: number): void => {
    untilLook -= units;
    if (untilLook > 0) return;
    untilLook = unitsBetweenLooks;
    const now = clock.monotonic();
    end ??= now + evaluationLimitMs;
    if (now > end) {
      throw new JmesPathError('limit', `the expression ran longer than ${evaluationLimitMs} ms and was stopped`);
    }
  };
  return {
    pay,
    payForAll(value) {
      let total = 0;
      const visit = (item: JsonValue, depth: number): void => {
        const units = typeof item === 'string' ? 1 + item.length / charactersPerUnit : 1;
        total += units;
        pay(units);
        // Values are shared, so a small expression can describe a value far larger than memory.
        if (total > maxUnits) throw new JmesPathError('limit', 'the expression makes a value that is too large');
        if (depth > maxDepth) throw new JmesPathError('limit', `the value is nested deeper than ${maxDepth}`);
        if (Array.isArray(item)) for (const child of item) visit(child, depth + 1);
        else if (isRecord(item)) for (const key of Object.keys(item)) visit(item[key] ?? null, depth + 1);
      };
      visit(value, 0);
      pay(unitsBetweenLooks);
    },
  };
};

/** What the specification counts as true: everything but null, false and what is empty. */
export const isTruthy = (value: JsonValue): boolean => {
  if (value === null || value === false || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return isRecord(value) ? Object.keys(value).length > 0 : true;
};

/** Equality of JSON values, each comparison paid for. */
export const deepEqual = (a: JsonValue, b: JsonValue, budget: Budget, depth = 0): boolean => {
  budget.pay(1);
  if (a === b) return true;
  if (depth > maxDepth) throw new JmesPathError('limit', `the value is nested deeper than ${maxDepth}`);
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => deepEqual(item, b[index] ?? null, budget, depth + 1))
    );
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && deepEqual(a[key] ?? null, b[key] ?? null, budget, depth + 1))
  );
};
