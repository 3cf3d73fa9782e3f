import { BULLETS } from '../../../core/redaction.js';

/** A JSON value as it stands in attributes, bodies and documents. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What an expression can yield: JSON, raw bytes of a digest, or nothing at all. */
export type Value = JsonValue | Uint8Array | undefined;

/**
 * Where a value comes from. `server`: the organization's own configuration and the gateway; `session`: the caller, the
 * contact and the organization's systems; `ai`: chosen by the model, so never a security boundary.
 */
export type Trust = 'server' | 'session' | 'ai';

const rank: Record<Trust, number> = { ai: 0, session: 1, server: 2 };

/** What was made of two values deserves no more trust than the lesser one. */
export const lesserTrust = (a: Trust, b: Trust): Trust => (rank[a] <= rank[b] ? a : b);

/** A value with its origin. `masked` marks the bullets that stand for a secret where secrets are not shown. */
export type Tagged = { readonly value: Value; readonly trust: Trust; readonly masked?: boolean };

/** What is shown instead of a secret: eight bullets. */
export const bullets = BULLETS;

export const isBytes = (value: Value): value is Uint8Array => value instanceof Uint8Array;

export const isRecord = (value: unknown): value is { readonly [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Text of a value: nothing for a missing one, JSON for composites, lower-case hex for raw bytes. */
export const toText = (value: Value): string => {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'boolean':
      return String(value);
    case 'undefined':
      return '';
    default:
      if (value === null) return '';
      return isBytes(value) ? Buffer.from(value).toString('hex') : JSON.stringify(value);
  }
};

/** Bytes of a value: raw ones as they are, anything else as the UTF-8 of its text. */
export const toBytes = (value: Value): Uint8Array => (isBytes(value) ? value : Buffer.from(toText(value), 'utf8'));

/** A JSON value for a place that holds one: `null` for a missing value, hex for raw bytes. */
export const toJson = (value: Value): JsonValue => {
  if (value === undefined) return null;
  return isBytes(value) ? toText(value) : value;
};

/** One step into a composite. Inherited properties do not exist here, so no template reaches a prototype. */
export const stepInto = (value: Value, step: string | number): Value => {
  if (Array.isArray(value)) {
    const index = typeof step === 'number' ? step : /^\d{1,9}$/.test(step) ? Number(step) : -1;
    return index >= 0 && index < value.length ? value[index] : undefined;
  }
  if (!isRecord(value)) return undefined;
  const key = String(step);
  return Object.hasOwn(value, key) ? value[key] : undefined;
};
