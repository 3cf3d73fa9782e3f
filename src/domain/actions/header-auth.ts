import type { Authentication } from './definition.js';
import type { Header } from './headers.js';
import { compileHeader, type HeaderTemplate } from './template/header-template.js';
import { parseTemplate } from './template/parse.js';
import { evaluateParts, type Scope } from './template/render.js';
import { eachReference, type Part, type Reference, TemplateError } from './template/syntax.js';
import type { Tagged } from './template/values.js';

const builtIns: ReadonlySet<string> = new Set(['uuid', 'timestamp', 'timestamp_micro']);

export type HeaderAuth = {
  readonly type: 'header';
  /** Every template of it, for the list of input attributes. */
  readonly parts: readonly Part[];
  /** The secrets that the headers need, directly or through variables; what is not needed is not decrypted. */
  readonly secrets: ReadonlySet<string>;
  /** The headers whose values a secret goes into; they are never shown. */
  readonly sensitive: ReadonlySet<string>;
  /** The headers of one request. Throws TemplateError, before anything is sent. */
  resolve(base: Scope, request: AuthRequest): Header[];
};

/** What is fixed once per request; `uuid` is asked for once at most, and every mention of it is the same one. */
export type AuthRequest = { readonly uuid: () => string; readonly nowMs: number };

const referencesOf = (parts: readonly Part[]): Reference[] => {
  const found: Reference[] = [];
  eachReference(parts, (reference) => found.push(reference));
  return found;
};

/** Finds a circle among the variables and names it, or nothing. */
const findCycle = (variables: ReadonlyMap<string, readonly Part[]>): string | undefined => {
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (name: string): string | undefined => {
    const parts = variables.get(name);
    if (parts === undefined || state.get(name) === 'done') return undefined;
    path.push(name);
    if (state.get(name) === 'open') return path.slice(path.indexOf(name)).join(' -> ');
    state.set(name, 'open');
    for (const { context, name: next } of referencesOf(parts)) {
      const cycle = context === '_auth' ? visit(next) : undefined;
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    state.set(name, 'done');
    return undefined;
  };
  for (const name of variables.keys()) {
    const cycle = visit(name);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
};

const reachable = (
  headers: readonly HeaderTemplate[],
  variables: ReadonlyMap<string, readonly Part[]>,
): Reference[] => {
  const seen = new Set<string>();
  const found: Reference[] = [];
  const visit = (parts: readonly Part[]): void => {
    for (const reference of referencesOf(parts)) {
      found.push(reference);
      const variable = reference.context === '_auth' ? variables.get(reference.name) : undefined;
      if (variable === undefined || seen.has(reference.name)) continue;
      seen.add(reference.name);
      visit(variable);
    }
  };
  for (const header of headers) visit(header.parts);
  return found;
};

const compileVariables = (stated: Record<string, string>): Map<string, readonly Part[]> => {
  const variables = new Map<string, readonly Part[]>();
  for (const [name, text] of Object.entries(stated)) {
    if (builtIns.has(name)) throw new TemplateError(`the variable "${name}" would hide the built-in of that name`);
    try {
      variables.set(name, parseTemplate(text, { calls: true }));
    } catch (error) {
      const why = error instanceof Error ? error.message : 'is not valid';
      throw new TemplateError(`the variable "${name}": ${why}`);
    }
  }
  return variables;
};

/**
 * Compiles header authentication (A5). Variables are resolved when they are first needed, once per request; they may
 * refer to each other but not in a circle. An undeclared variable is empty.
 */
export const compileHeaderAuth = (config: Extract<Authentication, { type: 'header' }>): HeaderAuth => {
  const variables = compileVariables(config.variables ?? {});
  const cycle = findCycle(variables);
  if (cycle !== undefined) throw new TemplateError(`the variables refer to each other in a circle: ${cycle}`);
  const headers = Object.entries(config.headers).map(([name, text]) =>
    compileHeader(name, text, { calls: true, trusted: true }),
  );
  const secrets = new Set(
    reachable(headers, variables).flatMap(({ context, name }) => (context === 'secret' ? [name] : [])),
  );
  return {
    type: 'header',
    parts: [...headers.flatMap((header) => header.parts), ...[...variables.values()].flat()],
    secrets,
    sensitive: new Set(
      headers
        .filter((header) => reachable([header], variables).some(({ context }) => context === 'secret'))
        .map(({ name }) => name),
    ),
    resolve(base, request) {
      const resolved = new Map<string, Tagged>([
        ['timestamp', { value: Math.floor(request.nowMs / 1000), trust: 'server' }],
        ['timestamp_micro', { value: Math.floor(request.nowMs * 1000), trust: 'server' }],
      ]);
      const scope: Scope = {
        resolve(reference) {
          if (reference.context !== '_auth') return base.resolve(reference);
          const known = resolved.get(reference.name);
          if (known !== undefined) return known;
          const parts = variables.get(reference.name);
          const value: Tagged =
            parts !== undefined
              ? evaluateParts(parts, scope)
              : { value: reference.name === 'uuid' ? request.uuid() : undefined, trust: 'server' };
          resolved.set(reference.name, value);
          return value;
        },
      };
      return headers.map((header): Header => [header.name, header.render(scope)]);
    },
  };
};
