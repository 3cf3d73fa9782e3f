import { isRecord, type JsonValue } from '../template/values.js';
import { type Budget, createBudget, deepEqual, isTruthy } from './budget.js';
import { functions, isKind, type JmesFunction, type Run } from './functions.js';
import { parseExpression } from './parser.js';
import { type Comparator, JmesPathError, type Node } from './syntax.js';

const compare = (operator: Comparator, left: JsonValue, right: JsonValue, budget: Budget): JsonValue => {
  if (operator === 'eq') return deepEqual(left, right, budget);
  if (operator === 'ne') return !deepEqual(left, right, budget);
  // Only numbers have an order (specification, "ordering operators").
  if (typeof left !== 'number' || typeof right !== 'number') return null;
  if (operator === 'lt') return left < right;
  if (operator === 'lte') return left <= right;
  return operator === 'gt' ? left > right : left >= right;
};

/** Python's slice semantics, which the specification takes over. */
const sliced = (values: readonly JsonValue[], node: Extract<Node, { type: 'slice' }>, budget: Budget): JsonValue => {
  const step = node.step ?? 1;
  if (step === 0) throw new JmesPathError('invalid-value', 'the step of a slice cannot be 0');
  const { length } = values;
  const clamp = (bound: number): number => {
    const positive = bound < 0 ? bound + length : bound;
    return step < 0 ? Math.min(Math.max(positive, -1), length - 1) : Math.min(Math.max(positive, 0), length);
  };
  const start = node.start === undefined ? (step < 0 ? length - 1 : 0) : clamp(node.start);
  const stop = node.stop === undefined ? (step < 0 ? -1 : length) : clamp(node.stop);
  const result: JsonValue[] = [];
  for (let at = start; step > 0 ? at < stop : at > stop; at += step) result.push(values[at] ?? null);
  budget.pay(result.length);
  return result;
};

const project = (values: readonly JsonValue[], right: Run, budget: Budget, keep?: Run): JsonValue => {
  const result: JsonValue[] = [];
  for (const value of values) {
    budget.pay(1);
    if (keep !== undefined && !isTruthy(keep(value, budget))) continue;
    const item = right(value, budget);
    if (item !== null) result.push(item);
  }
  return result;
};

const flattened = (values: readonly JsonValue[], budget: Budget): JsonValue => {
  const result: JsonValue[] = [];
  for (const value of values) {
    if (!Array.isArray(value)) result.push(value);
    else for (const item of value) result.push(item);
    budget.pay(Array.isArray(value) ? 1 + value.length : 1);
  }
  return result;
};

const compileCall = (node: Extract<Node, { type: 'call' }>): Run => {
  const known = functions.get(node.name);
  if (known === undefined) throw new JmesPathError('unknown-function', `there is no function "${node.name}"`);
  const wanted = known.signature.length;
  if (node.args.length < wanted || (known.variadic !== true && node.args.length > wanted)) {
    throw new JmesPathError('invalid-arity', `${node.name}() takes ${wanted} arguments, not ${node.args.length}`);
  }
  const kinds = node.args.map((_arg, index) => known.signature[Math.min(index, wanted - 1)] ?? []);
  const references = node.args.map((arg, index) => {
    const isReference = arg.type === 'reference';
    if (isReference !== kinds[index]?.includes('expref')) {
      const what = isReference ? 'does not take an expression' : 'needs an expression ("&…")';
      throw new JmesPathError('invalid-type', `${node.name}() ${what} as argument ${index + 1}`);
    }
    return arg.type === 'reference' ? compile(arg.child) : undefined;
  });
  const runs = node.args.map((arg) => (arg.type === 'reference' ? undefined : compile(arg)));
  return (value, budget) => invoke(node.name, known, kinds, runs, references, value, budget);
};

const invoke = (
  name: string,
  known: JmesFunction,
  kinds: readonly JmesFunction['signature'][number][],
  runs: readonly (Run | undefined)[],
  references: readonly (Run | undefined)[],
  value: JsonValue,
  budget: Budget,
): JsonValue => {
  const args = runs.map((run, index) => {
    if (run === undefined) return null;
    const arg = run(value, budget);
    if (Array.isArray(arg)) budget.pay(arg.length);
    const allowed = kinds[index] ?? [];
    if (!allowed.some((kind) => isKind(arg, kind))) {
      throw new JmesPathError('invalid-type', `${name}() takes ${allowed.join(' or ')} as argument ${index + 1}`);
    }
    return arg;
  });
  budget.pay(1);
  return known.run(args, budget, references);
};

const compile = (node: Node): Run => {
  switch (node.type) {
    case 'current':
      return (value) => value;
    case 'literal':
      return () => node.value;
    case 'field': {
      const { name } = node;
      return (value, budget) => {
        budget.pay(1);
        return isRecord(value) && Object.hasOwn(value, name) ? (value[name] ?? null) : null;
      };
    }
    case 'index': {
      const { index } = node;
      return (value) => (Array.isArray(value) ? (value.at(index) ?? null) : null);
    }
    case 'slice':
      return (value, budget) => (Array.isArray(value) ? sliced(value, node, budget) : null);
    case 'sub': {
      const [left, right] = [compile(node.left), compile(node.right)];
      return (value, budget) => {
        const subject = left(value, budget);
        return subject === null ? null : right(subject, budget);
      };
    }
    case 'pipe': {
      const [left, right] = [compile(node.left), compile(node.right)];
      return (value, budget) => right(left(value, budget), budget);
    }
    case 'or':
    case 'and': {
      const [left, right] = [compile(node.left), compile(node.right)];
      const stops = node.type === 'or';
      return (value, budget) => {
        const first = left(value, budget);
        return isTruthy(first) === stops ? first : right(value, budget);
      };
    }
    case 'not': {
      const child = compile(node.child);
      return (value, budget) => !isTruthy(child(value, budget));
    }
    case 'compare': {
      const [left, right] = [compile(node.left), compile(node.right)];
      return (value, budget) => compare(node.operator, left(value, budget), right(value, budget), budget);
    }
    case 'flatten': {
      const child = compile(node.child);
      return (value, budget) => {
        const values = child(value, budget);
        return Array.isArray(values) ? flattened(values, budget) : null;
      };
    }
    case 'project':
    case 'filter': {
      const [left, right] = [compile(node.left), compile(node.right)];
      const keep = node.type === 'filter' ? compile(node.condition) : undefined;
      return (value, budget) => {
        const values = left(value, budget);
        return Array.isArray(values) ? project(values, right, budget, keep) : null;
      };
    }
    case 'projectValues': {
      const [left, right] = [compile(node.left), compile(node.right)];
      return (value, budget) => {
        const subject = left(value, budget);
        return isRecord(subject) ? project(Object.values(subject), right, budget) : null;
      };
    }
    case 'list': {
      const items = node.items.map(compile);
      return (value, budget) => {
        budget.pay(items.length);
        return value === null ? null : items.map((item) => item(value, budget));
      };
    }
    case 'hash': {
      const entries = node.entries.map(([key, item]) => [key, compile(item)] as const);
      return (value, budget) => {
        if (value === null) return null;
        budget.pay(entries.length);
        // Without a prototype a key called __proto__ is a key like any other.
        const result: Record<string, JsonValue> = Object.create(null);
        for (const [key, item] of entries) result[key] = item(value, budget);
        return result;
      };
    }
    case 'call':
      return compileCall(node);
    case 'reference':
      throw new JmesPathError('syntax', '"&" can stand only before an argument of a function');
  }
};

export type Expression = {
  readonly text: string;
  /** The value of the expression in a document. Throws JmesPathError; stops after 50 ms. */
  search(document: JsonValue, budget?: Budget): JsonValue;
};

/**
 * Compiles a JMESPath expression once, for any number of documents. Only own properties of the document are seen.
 * Throws JmesPathError for what can never work: syntax, unknown functions, wrong number of arguments.
 */
export const compileExpression = (text: string): Expression => {
  const run = compile(parseExpression(text));
  return {
    text,
    search(document, budget = createBudget()) {
      const result = run(document, budget);
      // A result is stored and sent on, so its true size is settled here.
      if (typeof result === 'object' && result !== null) budget.payForAll(result);
      return result;
    },
  };
};

const simplePath = /^[\w$@-]+(?:\.[\w$@-]+)*$/;

/**
 * Compiles what an output mapping says: a property name or dotted path as it stands in the JSON (also one like
 * `order-id` that JMESPath would need quotes for), or any JMESPath expression.
 */
export const compileMapping = (text: string): Expression => {
  try {
    return compileExpression(text);
  } catch (error) {
    if (!simplePath.test(text)) throw error;
    return {
      ...compileExpression(
        text
          .split('.')
          .map((name) => JSON.stringify(name))
          .join('.'),
      ),
      text,
    };
  }
};
