import type { UserAttributes } from './ports.js';
import type { JsonValue, Trust } from './template/values.js';

/** A `user` context in memory: for tests, for the testing panel, and for calls outside of a phone session. */
export const createUserAttributes = (
  initial: { readonly [name: string]: JsonValue } = {},
  trust: Trust = 'session',
): UserAttributes & { all(): { readonly [name: string]: JsonValue } } => {
  const values = new Map<string, JsonValue>(Object.entries(initial));
  return {
    read(name) {
      const value = values.get(name);
      return value === undefined ? undefined : { value, trust };
    },
    apply(changes) {
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) values.delete(name);
        else values.set(name, value);
      }
    },
    all: () => Object.fromEntries(values),
  };
};
