import { isRecord, type JsonValue } from '../template/values.js';

export type JsonObject = { readonly [key: string]: JsonValue };

const none: JsonObject = {};

/** Own properties only, so that no name of a document reaches a prototype. */
export const field = (value: JsonValue | undefined, name: string): JsonValue | undefined =>
  isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
export const textField = (value: JsonValue | undefined, name: string): string | undefined => {
  const found = field(value, name);
  return typeof found === 'string' && found.trim() !== '' ? found.trim() : undefined;
};
export const listField = (value: JsonValue | undefined, name: string): readonly JsonValue[] => {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
};
export const objectField = (value: JsonValue | undefined, name: string): JsonObject => {
  const found = field(value, name);
  return isRecord(found) ? found : none;
};

/** Follows `$ref` within the document; what leads out of it, nowhere or in a circle is `undefined`. */
export const resolve = (root: JsonValue, value: JsonValue | undefined): JsonObject | undefined => {
  let at = value;
  for (let step = 0; step < 16; step += 1) {
    if (!isRecord(at)) return undefined;
    const reference = textField(at, '$ref');
    if (reference === undefined) return at;
    if (!reference.startsWith('#/')) return undefined;
    at = root;
    for (const part of reference.slice(2).split('/')) {
      at = field(at, part.replaceAll('~1', '/').replaceAll('~0', '~'));
    }
  }
  return undefined;
};

const kept = ['enum', 'const', 'default', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'];
const types = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']);
const deepest = 8;

/** Why an operation cannot become an action. */
export class OperationFault extends Error {}

/** Schemas that may be read for one operation: references can multiply without end. */
export type SchemaBudget = { left: number };
export const schemaBudget = (): SchemaBudget => ({ left: 2_000 });

/**
 * A schema of the document in the part of JSON Schema that actions read: references resolved, `allOf` joined, choices
 * (`oneOf`, `anyOf`) left open. OpenAPI 3.0 and 3.1. Throws OperationFault.
 */
export const plainSchema = (
  root: JsonValue,
  value: JsonValue | undefined,
  budget: SchemaBudget,
  depth = 0,
): JsonObject => {
  budget.left -= 1;
  if (budget.left < 0) throw new OperationFault('its schemas are too large');
  const schema = resolve(root, value);
  if (schema === undefined || depth > deepest) return none;
  const parts = [schema, ...listField(schema, 'allOf').map((part) => resolve(root, part) ?? none)];
  const result: Record<string, JsonValue> = {};
  const properties: Record<string, JsonValue> = {};
  const required = new Set<string>();
  for (const part of parts) {
    const stated = field(part, 'type');
    const named = (Array.isArray(stated) ? stated : [stated]).filter(
      (type): type is string => typeof type === 'string' && types.has(type),
    );
    if (named.length > 0) result.type = named.length === 1 ? (named[0] ?? 'string') : named;
    const description = textField(part, 'description');
    if (description !== undefined) result.description = description.slice(0, 500);
    for (const name of kept) {
      const found = field(part, name);
      if (found !== undefined) result[name] = found;
    }
    if (field(part, 'nullable') === true) result.nullable = true;
    if (field(part, 'items') !== undefined) result.items = plainSchema(root, field(part, 'items'), budget, depth + 1);
    for (const [name, child] of Object.entries(objectField(part, 'properties'))) {
      if (field(resolve(root, child), 'readOnly') !== true)
        properties[name] = plainSchema(root, child, budget, depth + 1);
    }
    for (const name of listField(part, 'required')) if (typeof name === 'string') required.add(name);
  }
  if (Object.keys(properties).length > 0) {
    const known = [...required].filter((name) => Object.hasOwn(properties, name));
    return { ...result, type: 'object', properties, ...(known.length > 0 ? { required: known } : {}) };
  }
  return result;
};
