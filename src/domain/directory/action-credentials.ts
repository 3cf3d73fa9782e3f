import { pathText } from '../../core/faults.js';
import { isSecretName } from '../../core/redaction.js';
import type { SealScope, Vault } from '../../platform/vault/index.js';
import { credentialScopes } from './credential-scopes.js';
import type { ActionRecord } from './records.js';

/**
 * An action should take its credentials from secrets (`{secret.name}`), but an author may write one in place: a client
 * secret, an `Authorization` header. Such a text is stored sealed, as an object with this one key.
 */
const MARK = '$sealed';
/** The parts of a definition that hold what is sent to prove who we are; elsewhere a `token` is a name like others. */
const PLACES = new Set(['auth', 'headers', 'staticValues']);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const sealedText = (value: unknown): string | null => {
  const sealed = isObject(value) && Object.keys(value).length === 1 ? value[MARK] : undefined;
  return typeof sealed === 'string' ? sealed : null;
};
/** True when a definition from outside pretends to be sealed. */
export const hasSealMark = (definition: Readonly<Record<string, unknown>>): boolean =>
  JSON.stringify(definition).includes(JSON.stringify(MARK));

/** A text without a reference is the credential itself. */
const isLiteral = (text: string): boolean => {
  const bare = text.replace(/\$\{[^}]*(?:\}|$)/g, '');
  return text !== '' && !(bare.includes('{') && bare.includes('}', bare.indexOf('{')));
};

type Visit = (value: unknown, path: readonly PropertyKey[]) => unknown;

/** A copy of a definition in which `visit` may replace each value below the places; undefined keeps it. */
const mapPlaces = (definition: Readonly<Record<string, unknown>>, visit: Visit): Record<string, unknown> => {
  const map = (value: unknown, path: readonly PropertyKey[]): unknown => {
    const replaced = visit(value, path);
    if (replaced !== undefined) return replaced;
    if (Array.isArray(value)) return value.map((item, index) => map(item, [...path, index]));
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item, [...path, key])]));
  };
  return Object.fromEntries(
    Object.entries(definition).map(([key, value]) => [key, PLACES.has(key) ? map(value, [key]) : value]),
  );
};

const scopeOf = (record: Pick<ActionRecord, 'id' | 'orgId'>, path: readonly PropertyKey[]): SealScope =>
  credentialScopes.action(record.orgId, record.id, pathText(path));

/** Seals the credentials written into a definition. */
export const sealAction = (
  record: ActionRecord,
  seal: (path: string, scope: SealScope, plain: string) => string,
): ActionRecord => ({
  ...record,
  definition: mapPlaces(record.definition, (value, path) => {
    if (typeof value !== 'string' || !isSecretName(String(path.at(-1))) || !isLiteral(value)) return undefined;
    return { [MARK]: seal(pathText(path), scopeOf(record, path), value) };
  }),
});

/** The definition as its author wrote it, for the executor alone. Throws GatewayError credential_unreadable. */
export const openAction = (vault: Vault, record: ActionRecord): Readonly<Record<string, unknown>> =>
  mapPlaces(record.definition, (value, path) => {
    const sealed = sealedText(value);
    return sealed === null ? undefined : vault.open(scopeOf(record, path), sealed);
  });

/** The definition with `write(name parts)` in place of each sealed credential. */
export const exportAction = (
  record: ActionRecord,
  write: (...parts: readonly string[]) => string,
): Readonly<Record<string, unknown>> =>
  mapPlaces(record.definition, (value, path) =>
    sealedText(value) === null ? undefined : write(record.id, String(path.at(-1))),
  );

/** Scope and seal of every credential in a definition. */
export const sealsOfAction = (record: ActionRecord): readonly (readonly [SealScope, string])[] => {
  const found: (readonly [SealScope, string])[] = [];
  mapPlaces(record.definition, (value, path) => {
    const sealed = sealedText(value);
    if (sealed !== null) found.push([scopeOf(record, path), sealed]);
    return undefined;
  });
  return found;
};
