import type { Fault } from '../core/errors.js';
import { pathText } from '../core/faults.js';

const placeholder = /\$(\$?)\{([A-Z_][A-Z0-9_]*)\}/g;

/**
 * Puts environment variables in place of `NAME` in `$` and braces, in every text of a document that has been parsed
 * already: a value can thus never become structure. `NAME` is in capitals, so that an attribute of a script (`{price}`
 * behind a dollar sign) stays what it is; `$$` before the brace writes the placeholder itself.
 */
export const fillPlaceholders = (
  document: unknown,
  env: Readonly<Record<string, string | undefined>>,
): { readonly value: unknown; readonly faults: readonly Fault[] } => {
  const faults: Fault[] = [];
  const fill = (value: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof value === 'string') {
      return value.replace(placeholder, (whole: string, escaped: string, name: string) => {
        if (escaped !== '') return whole.slice(1);
        const found = env[name];
        if (found !== undefined) return found;
        faults.push({ path: pathText(path), message: `needs the environment variable ${name}, which is not set` });
        return whole;
      });
    }
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, [...path, key])]));
  };
  return { value: fill(document, []), faults };
};
