import { z } from 'zod';
import type { Fault } from '../../../core/errors.js';
import { MAX_SPOKEN } from './espeak.js';

/** What the script says or plays. */
export type Utterance = { readonly say: string } | { readonly play: string };

export type AskStep = {
  readonly type: 'ask';
  readonly prompt: Utterance | null;
  /** How many digits make an answer. */
  readonly digits: number;
  /** ms without a digit after the prompt. */
  readonly timeout: number;
  /** How often the question is put when the answer is none of the choices. */
  readonly attempts: number;
  /** Where the digits are kept for later steps; null: nowhere. */
  readonly attribute: string | null;
  readonly choices: ReadonlyMap<string, readonly Step[]>;
  readonly onTimeout: readonly Step[] | null;
  readonly onInvalid: readonly Step[] | null;
};

export type Step =
  | { readonly type: 'utter'; readonly utterance: Utterance }
  | AskStep
  | {
      readonly type: 'action';
      readonly name: string;
      readonly attributes: Readonly<Record<string, unknown>>;
      readonly failed: readonly Step[] | null;
    }
  | {
      readonly type: 'transfer';
      readonly destination: string;
      readonly summary: string | null;
      readonly failed: readonly Step[] | null;
    }
  | { readonly type: 'set'; readonly attributes: Readonly<Record<string, unknown>> }
  | { readonly type: 'wait'; readonly ms: number }
  /** Keys pressed on behalf of the script (RFC 4733), for a machine that answers at the other end. */
  | { readonly type: 'press'; readonly digits: string }
  | { readonly type: 'hangup' };

export type Script = { readonly steps: readonly Step[]; readonly voice: string | null };

const MAX_STEPS = 500;
const MAX_DEPTH = 12;

const text = z
  .string('must be text')
  .trim()
  .min(1, 'must not be empty')
  .max(MAX_SPOKEN, `must be at most ${MAX_SPOKEN} characters`);
const attributeName = z
  .string('must be a name')
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, 'must be a name of letters, digits, _, . and -');
const fileName = z
  .string('must be the name of a WAV file')
  .max(200, 'must be at most 200 characters')
  // Checked again when it is opened; here so that it is refused when the script is saved.
  .regex(/^(?!.*\.\.)(?![/\\])[^\\:\0]+\.wav$/i, 'must be a .wav file inside the folder of prompts, without ".."');
const values = z.record(z.string().max(64), z.unknown(), 'must be an object').default({});
const seconds = (min: number, max: number) =>
  z.number('must be a number of seconds').min(min, `must be at least ${min} s`).max(max, `must be at most ${max} s`);
const steps = z.array(z.unknown(), 'must be a list of steps');

const askShape = z
  .strictObject({
    say: text.optional(),
    play: fileName.optional(),
    digits: z
      .number('must be a number')
      .int('must be whole')
      .min(1, 'must be 1 or more')
      .max(32, 'must be at most 32')
      .default(1),
    timeout: seconds(1, 120).default(10),
    attempts: z
      .number('must be a number')
      .int('must be whole')
      .min(1, 'must be 1 or more')
      .max(10, 'must be at most 10')
      .default(3),
    attribute: attributeName.optional(),
    choices: z
      .record(z.string().regex(/^([0-9A-D*#]{1,32}|timeout|invalid)$/, 'must be digits, "timeout" or "invalid"'), steps)
      .optional(),
  })
  .refine((ask) => ask.say === undefined || ask.play === undefined, 'has both say and play');
const actionShape = z.strictObject({ name: text, attributes: values, failed: steps.optional() });
const transferShape = z.strictObject({ destination: text, summary: text.optional(), failed: steps.optional() });
const keys = z.string('must be keys as text').regex(/^[0-9A-D*#]{1,32}$/, 'must be 1 to 32 of 0-9, A-D, * and #');
const emptyShape = z.strictObject({}).nullable();
const scriptShape = z.strictObject({
  steps,
  voice: z
    .string('must be the name of a voice')
    .regex(/^[a-z][A-Za-z0-9+_-]{0,31}$/, 'must be the name of a voice, such as en-us')
    .optional(),
});

const verbs = ['say', 'play', 'ask', 'action', 'actions', 'transfer', 'set', 'wait', 'press', 'hangup'] as const;
type Verb = (typeof verbs)[number];
const isVerb = (key: string): key is Verb => verbs.some((verb) => verb === key);

const join = (path: string, parts: readonly PropertyKey[]): string =>
  parts.reduce<string>(
    (sum, part) =>
      typeof part === 'number' ? `${sum}[${part}]` : sum === '' ? String(part) : `${sum}.${String(part)}`,
    path,
  );

/** Reads a script; on faults the script is what could be read, and must not be run. */
class Reader {
  readonly faults: Fault[] = [];
  #count = 0;

  check<T>(schema: z.ZodType<T>, value: unknown, path: string): T | null {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const unknown = issue.code === 'unrecognized_keys' ? `has unknown keys: ${issue.keys.join(', ')}` : issue.message;
      const inner = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : unknown;
      this.faults.push({ path: join(path, issue.path), message: inner });
    }
    return null;
  }

  steps(list: readonly unknown[] | undefined, path: string, depth: number): readonly Step[] {
    if (list === undefined) return [];
    if (depth > MAX_DEPTH) {
      this.faults.push({ path, message: `is nested more than ${MAX_DEPTH} deep` });
      return [];
    }
    return list.flatMap((item, index) => this.step(item, `${path}[${index}]`, depth));
  }

  optional(list: readonly unknown[] | undefined, path: string, depth: number): readonly Step[] | null {
    return list === undefined ? null : this.steps(list, path, depth + 1);
  }

  step(item: unknown, path: string, depth: number): readonly Step[] {
    if (++this.#count > MAX_STEPS) {
      if (this.#count === MAX_STEPS + 1)
        this.faults.push({ path, message: `is one step too many: at most ${MAX_STEPS}` });
      return [];
    }
    const entries = typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.entries(item) : [];
    const [entry] = entries;
    if (entry === undefined || entries.length > 1 || !isVerb(entry[0])) {
      this.faults.push({ path, message: `must have exactly one of: ${verbs.join(', ')}` });
      return [];
    }
    const [verb, value] = entry;
    return this.verb(verb, value, `${path}.${verb}`, depth);
  }

  verb(verb: Verb, value: unknown, path: string, depth: number): readonly Step[] {
    switch (verb) {
      case 'say': {
        const say = this.check(text, value, path);
        return say === null ? [] : [{ type: 'utter', utterance: { say } }];
      }
      case 'play': {
        const play = this.check(fileName, value, path);
        return play === null ? [] : [{ type: 'utter', utterance: { play } }];
      }
      case 'ask':
        return this.ask(value, path, depth);
      case 'action': {
        const action = this.check(actionShape, value, path);
        if (action === null) return [];
        const failed = this.optional(action.failed, `${path}.failed`, depth);
        return [{ type: 'action', name: action.name, attributes: action.attributes, failed }];
      }
      case 'actions': {
        const names = this.check(z.array(text, 'must be a list of names').min(1, 'must name an action'), value, path);
        return (names ?? []).map((name) => ({ type: 'action', name, attributes: {}, failed: null }));
      }
      case 'transfer': {
        const transfer = this.check(transferShape, value, path);
        if (transfer === null) return [];
        const failed = this.optional(transfer.failed, `${path}.failed`, depth);
        return [{ type: 'transfer', destination: transfer.destination, summary: transfer.summary ?? null, failed }];
      }
      case 'set': {
        const attributes = this.check(z.record(attributeName, z.unknown(), 'must be an object'), value, path);
        return attributes === null ? [] : [{ type: 'set', attributes }];
      }
      case 'wait': {
        const wait = this.check(seconds(0.1, 300), value, path);
        return wait === null ? [] : [{ type: 'wait', ms: wait * 1000 }];
      }
      case 'press': {
        const digits = this.check(keys, value, path);
        return digits === null ? [] : [{ type: 'press', digits }];
      }
      case 'hangup':
        this.check(emptyShape, value, path);
        return [{ type: 'hangup' }];
    }
  }

  ask(value: unknown, path: string, depth: number): readonly Step[] {
    const ask = this.check(askShape, value, path);
    if (ask === null) return [];
    const choices = new Map<string, readonly Step[]>();
    for (const [key, list] of Object.entries(ask.choices ?? {})) {
      if (key !== 'timeout' && key !== 'invalid' && key.length > ask.digits) {
        this.faults.push({
          path: `${path}.choices.${key}`,
          message: `has more digits than the ${ask.digits} asked for`,
        });
      }
      choices.set(key, this.steps(list, `${path}.choices.${key}`, depth + 1));
    }
    const take = (key: string): readonly Step[] | null => {
      const found = choices.get(key) ?? null;
      choices.delete(key);
      return found;
    };
    const [onTimeout, onInvalid] = [take('timeout'), take('invalid')];
    const prompt = ask.say !== undefined ? { say: ask.say } : ask.play !== undefined ? { play: ask.play } : null;
    const { digits, attempts } = ask;
    // Without choices the digits are what was asked for, so they are kept even when no name is given.
    const attribute = ask.attribute ?? (choices.size === 0 ? 'digits' : null);
    return [
      { type: 'ask', prompt, digits, timeout: ask.timeout * 1000, attempts, attribute, choices, onTimeout, onInvalid },
    ];
  }
}

/**
 * Reads a script from a document (contract.md). Faults name their path (`steps[1].ask.digits`); a script with faults
 * must not be run. Durations are seconds in the document and milliseconds in the script.
 */
export const parseScript = (document: unknown): ParsedScript => {
  const known = isObject(document) ? parsed.get(document) : undefined;
  if (known !== undefined) return known;
  const fresh = readScript(document);
  if (isObject(document)) parsed.set(document, fresh);
  return fresh;
};

export type ParsedScript = { readonly script: Script; readonly faults: readonly Fault[] };

/** The directory hands every call of an agent the same document: it is read once. Documents are never changed in place. */
const parsed = new WeakMap<object, ParsedScript>();
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const readScript = (document: unknown): ParsedScript => {
  const reader = new Reader();
  const shape = reader.check(scriptShape, document, '');
  const script = {
    steps: shape === null ? [] : reader.steps(shape.steps, 'steps', 1),
    voice: shape?.voice ?? null,
  };
  return { script, faults: reader.faults.map((fault) => ({ ...fault, path: fault.path || 'steps' })) };
};

/** Every text and file of a script that does not depend on attributes: what can be prepared before it is needed. */
export const fixedTexts = (list: readonly Step[]): readonly string[] =>
  list
    .flatMap((step) => {
      switch (step.type) {
        case 'utter':
          return 'say' in step.utterance ? [step.utterance.say] : [];
        case 'ask':
          return [
            ...(step.prompt !== null && 'say' in step.prompt ? [step.prompt.say] : []),
            ...[...step.choices.values(), step.onTimeout ?? [], step.onInvalid ?? []].flatMap(fixedTexts),
          ];
        case 'action':
        case 'transfer':
          return fixedTexts(step.failed ?? []);
        default:
          return [];
      }
    })
    .filter((entry) => !/\{[A-Za-z_]/.test(entry));
