import { parseTemplate } from './parse.js';
import { evaluate, renderText, type Scope } from './render.js';
import { type Expression, type Part, TemplateError } from './syntax.js';
import { isRecord, type JsonValue, toJson } from './values.js';

/** A JSON body with attributes in its strings, flattened into text that never changes and values that do. */
export type BodyTemplate = {
  readonly parts: readonly Part[];
  /** The JSON text that is sent. Throws TemplateError. */
  render(scope: Scope): string;
};

const maxDepth = 64;

type Segment = string | { readonly whole: Expression } | { readonly mixed: readonly Part[] };

const segmentsOf = (value: JsonValue, path: string, depth: number, into: Segment[]): void => {
  if (depth > maxDepth) throw new TemplateError('the body is nested too deeply');
  if (typeof value === 'string') {
    into.push(stringSegment(value, path));
  } else if (Array.isArray(value)) {
    value.forEach((item: JsonValue, index: number) => {
      into.push(index === 0 ? '[' : ',');
      segmentsOf(item, `${path}[${index}]`, depth + 1, into);
    });
    into.push(value.length === 0 ? '[]' : ']');
  } else if (isRecord(value)) {
    const entries = Object.entries(value);
    entries.forEach(([key, item], index) => {
      if (parseTemplate(key).some((part) => typeof part !== 'string')) {
        throw new TemplateError(`an attribute cannot stand in the property name "${key.slice(0, 60)}"`);
      }
      into.push(`${index === 0 ? '{' : ','}${JSON.stringify(key)}:`);
      segmentsOf(item, path === '' ? key : `${path}.${key}`, depth + 1, into);
    });
    into.push(entries.length === 0 ? '{}' : '}');
  } else into.push(JSON.stringify(value));
};

const stringSegment = (text: string, path: string): Segment => {
  let parts: readonly Part[];
  try {
    parts = parseTemplate(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'is not valid';
    throw new TemplateError(`at ${path === '' ? 'the top' : path}: ${why}`);
  }
  const [only] = parts;
  if (only === undefined) return '""';
  if (parts.length === 1 && typeof only === 'string') return JSON.stringify(only);
  if (parts.length === 1 && typeof only !== 'string' && only.kind === 'expression') return { whole: only };
  return { mixed: parts };
};

const parseJson = (text: string): JsonValue => {
  try {
    const parsed: JsonValue = JSON.parse(text);
    return parsed;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it cannot be read';
    throw new TemplateError(
      `the body is not JSON (${why}); an attribute must stand in double quotes: {"key": "{name}"}`,
    );
  }
};

/** Neighbouring constant text becomes one piece, so that a call does little more than join a few strings. */
const merge = (segments: readonly Segment[]): Segment[] => {
  const merged: Segment[] = [];
  for (const segment of segments) {
    const last = merged.at(-1);
    if (typeof segment === 'string' && typeof last === 'string') merged[merged.length - 1] = last + segment;
    else merged.push(segment);
  }
  return merged;
};

/**
 * Compiles a body: a JSON value, or its text. A string that is exactly one attribute becomes the attribute with its
 * type (`null` when it is missing); attributes inside longer strings become text.
 */
export const compileBody = (body: JsonValue): BodyTemplate => {
  const segments: Segment[] = [];
  segmentsOf(typeof body === 'string' ? parseJson(body) : body, '', 0, segments);
  const merged = merge(segments);
  const parts = merged.flatMap((segment): readonly Part[] => {
    if (typeof segment === 'string') return [];
    return 'whole' in segment ? [segment.whole] : segment.mixed;
  });
  return {
    parts,
    render(scope) {
      let text = '';
      for (const segment of merged) {
        if (typeof segment === 'string') text += segment;
        else if ('whole' in segment) text += JSON.stringify(toJson(evaluate(segment.whole, scope).value));
        else text += JSON.stringify(renderText(segment.mixed, scope));
      }
      return text;
    },
  };
};
