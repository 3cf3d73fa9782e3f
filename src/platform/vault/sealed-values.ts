import { type RedisConnection, replyFields, replyNumber, scriptOf } from '../redis/index.js';
import { keyIdOf, type SealScope } from './envelope.js';
import type { Vault } from './vault.js';

/** Values sealed for organizations, as the rotation of keys sees them. */
export type SealedValues = {
  /** What they are, for people: `private keys of certificates`. */
  readonly what: string;
  /** How many values of an organization each key seals. */
  count(orgId: string): Promise<ReadonlyMap<string, number>>;
  /**
   * Wraps anew, under the active key, what other keys wrap. A value changed meanwhile is left to its writer, who used
   * the active key. Resolves with how many were moved and how many do not open.
   */
  rewrap(orgId: string): Promise<Rewrapped>;
};

export type Rewrapped = { readonly moved: number; readonly unreadable: number };

/** Adds `sealed` values to counts by the key they need. */
export const countKeys = (sealed: Iterable<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const text of sealed) {
    const kid = keyIdOf(text) ?? 'unknown';
    counts.set(kid, (counts.get(kid) ?? 0) + 1);
  }
  return counts;
};

/** Where in a field's text the seal is, and for what place. */
export type SealInField = {
  readonly scope: SealScope;
  readonly sealed: string;
  /** The field's text with another seal in its place. */
  replaced(sealed: string): string;
};

const replaceScript = scriptOf(
  'replace-field',
  "if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) return 1",
);

/** Sealed values in the fields of one hash for each organization. */
export const sealedHash = (options: {
  readonly what: string;
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly keyOf: (orgId: string) => string;
  /** Null: the field holds nothing sealed. */
  readonly find: (orgId: string, field: string, text: string) => SealInField | null;
}): SealedValues => {
  const { what, redis, vault, keyOf, find } = options;
  const all = async (orgId: string): Promise<[field: string, text: string, found: SealInField][]> => {
    const fields = replyFields(await redis.command('HGETALL', keyOf(orgId)));
    return [...fields].flatMap(([field, text]): [string, string, SealInField][] => {
      const found = find(orgId, field, text);
      return found === null ? [] : [[field, text, found]];
    });
  };
  return {
    what,
    count: async (orgId) => countKeys((await all(orgId)).map(([, , { sealed }]) => sealed)),
    async rewrap(orgId) {
      let moved = 0;
      let unreadable = 0;
      for (const [field, text, { scope, sealed, replaced }] of await all(orgId)) {
        const next = rewrapped(vault, scope, sealed);
        if (next === null) unreadable += 1;
        else if (next !== sealed)
          moved += replyNumber(await redis.run(replaceScript, [keyOf(orgId)], [field, text, replaced(next)]));
      }
      return { moved, unreadable };
    },
  };
};

/** The seal under the active key; null when it does not open. */
export const rewrapped = (vault: Vault, scope: SealScope, sealed: string): string | null => {
  try {
    return vault.rewrap(scope, sealed);
  } catch {
    return null;
  }
};
