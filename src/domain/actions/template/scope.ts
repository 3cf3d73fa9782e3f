import type { Scope } from './render.js';
import type { ContextName, Reference } from './syntax.js';
import { bullets, type JsonValue, stepInto, type Tagged, type Trust } from './values.js';

/** Finds an attribute of one context; `undefined` when there is none. */
export type ContextReader = (name: string) => Tagged | undefined;

export type Contexts = { readonly [K in ContextName]?: ContextReader };

/** Reads a context from a plain object; only its own properties exist. */
export const recordReader =
  (record: { readonly [key: string]: JsonValue | undefined }, trust: Trust): ContextReader =>
  (name) => {
    if (!Object.hasOwn(record, name)) return undefined;
    const value = record[name];
    return value === undefined ? undefined : { value, trust };
  };

const nothing: Tagged = { value: undefined, trust: 'server' };
const hiddenSecret: Tagged = { value: bullets, trust: 'server', masked: true };

/** Makes a scope. A context without a reader is empty, but for `secret`, whose attributes are bullets then. */
export const createScope = (contexts: Contexts): Scope => ({
  resolve({ context, name, path }: Reference) {
    const read = contexts[context];
    if (read === undefined) return context === 'secret' ? hiddenSecret : nothing;
    const found = read(name);
    if (found === undefined || path.length === 0 || found.masked === true) return found ?? nothing;
    let value = found.value;
    for (const step of path) value = stepInto(value, step);
    return { value, trust: found.trust };
  },
});
