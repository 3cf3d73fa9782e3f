import type { $ZodIssue } from 'zod/v4/core';
import type { Fault } from './errors.js';

/** A path as people write it: `numbers[0].agent`; a key that is not a plain word is quoted. */
export const pathText = (path: readonly PropertyKey[]): string => {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(String(step))) text += text === '' ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
};

/** The variant of a union whose discriminator fits, or the one with the fewest faults: what the writer meant. */
const nearest = (variants: readonly (readonly $ZodIssue[])[]): readonly $ZodIssue[] =>
  [...variants].sort((a, b) => a.length - b.length)[0] ?? [];

const listed = (values: readonly unknown[]): string =>
  `must be one of ${values.filter((value) => value !== undefined).join(', ')}`;

const units: Readonly<Record<string, string>> = { string: ' characters', array: ' entries', set: ' entries' };

const typeNames: Readonly<Record<string, string>> = { int: 'whole number', record: 'object' };

/** zod's own words in ours; a schema that has words of its own keeps them. */
const sentenceOf = (issue: $ZodIssue): string => {
  const { message } = issue;
  switch (issue.code) {
    case 'invalid_type': {
      if (!message.startsWith('Invalid input')) return message;
      if (message.endsWith('received undefined')) return 'is missing';
      const name = typeNames[issue.expected] ?? issue.expected;
      return `must be ${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
    }
    case 'invalid_value':
      return /^Invalid (?:option|input)/.test(message) ? listed(issue.values) : message;
    case 'too_small':
      if (!message.startsWith('Too small')) return message;
      if (units[issue.origin] !== undefined && Number(issue.minimum) === 1) return 'must not be empty';
      return `must be at least ${issue.minimum}${units[issue.origin] ?? ''}`;
    case 'too_big':
      return message.startsWith('Too big') ? `must be at most ${issue.maximum}${units[issue.origin] ?? ''}` : message;
    case 'invalid_format':
      return message.startsWith('Invalid') ? `is not in the form of ${issue.format.replaceAll('_', ' ')}` : message;
    case 'invalid_union': {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
      if (options.length > 0) return listed(options);
      return 'discriminator' in issue && issue.discriminator !== undefined
        ? 'is not one of the kinds there are'
        : message;
    }
    default:
      return message;
  }
};

type PathWriter = (path: readonly PropertyKey[]) => string;

const faultsOfIssue = (issue: $ZodIssue, above: readonly PropertyKey[], write: PathWriter): Fault[] => {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: write([...path, key]), message: 'is not a known field' }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path: write(path), message: sentenceOf(inner) }));
  }
  if (issue.code === 'invalid_union') {
    const variants = issue.errors.filter((errors) => errors.length > 0);
    if (variants.length > 0) return nearest(variants).flatMap((inner) => faultsOfIssue(inner, path, write));
  }
  return [{ path: write(path), message: sentenceOf(issue) }];
};

/**
 * What a schema found, as faults: each with the path of the field and a sentence that never repeats the value. `write`
 * is for parts whose other faults name their paths in another way.
 */
export const faultsOf = (issues: readonly $ZodIssue[], write: PathWriter = pathText): Fault[] =>
  issues.flatMap((issue) => faultsOfIssue(issue, [], write));

const DEEPEST = 64;
const MOST_FAULTS = 100;

/**
 * Names what no JSON or YAML input of ours may hold, before any schema copies it: keys that reach an object's
 * prototype, nesting deeper than 64, numbers that are not finite, values that are not JSON (dates, bytes).
 */
export const plainTreeFaults = (input: unknown): Fault[] => {
  const faults: Fault[] = [];
  const visit = (value: unknown, path: readonly PropertyKey[]): void => {
    if (faults.length >= MOST_FAULTS) return;
    if (path.length > DEEPEST) {
      faults.push({ path: pathText(path.slice(0, 8)), message: `is nested deeper than ${DEEPEST} levels` });
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, [...path, index]);
    } else if (typeof value === 'object' && value !== null) {
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) {
        faults.push({ path: pathText(path), message: 'is not a plain value' });
        return;
      }
      for (const [key, item] of Object.entries(value)) {
        if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
          faults.push({ path: pathText([...path, key]), message: 'is not an allowed name' });
        } else visit(item, [...path, key]);
      }
    } else if (typeof value === 'number' && !Number.isFinite(value)) {
      faults.push({ path: pathText(path), message: 'must be a finite number' });
    } else if (!['string', 'number', 'boolean', 'undefined'].includes(typeof value) && value !== null) {
      faults.push({ path: pathText(path), message: 'is not a plain value' });
    }
  };
  visit(input, []);
  return faults;
};
