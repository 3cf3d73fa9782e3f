import { isRecord, type JsonValue } from './template/values.js';

/** The types a parameter may have (JSON Schema). */
const types = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'] as const;
type SchemaType = (typeof types)[number];

/** The part of JSON Schema that actions use, read once. */
export type ParameterSchema = {
  readonly types: readonly SchemaType[];
  readonly description?: string;
  readonly choices?: readonly JsonValue[];
  readonly properties?: ReadonlyMap<string, ParameterSchema>;
  readonly required: ReadonlySet<string>;
  readonly closed: boolean;
  readonly items?: ParameterSchema;
  readonly bounds: Readonly<Partial<Record<Bound, number>>>;
  readonly fallback?: JsonValue;
};

const boundNames = ['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'] as const;
type Bound = (typeof boundNames)[number];

const annotations = new Set(['title', 'examples', 'format', '$schema', 'deprecated', '$id', '$comment']);
const known = new Set<string>([
  'type',
  'description',
  'enum',
  'const',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'default',
  'nullable',
  ...boundNames,
]);
const maxDepth = 10;
const parameterName = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** A fault of a schema or of arguments: where it is and what is wrong. */
export type ParameterFault = { readonly path: string; readonly message: string };

const isType = (value: JsonValue | undefined): value is SchemaType => types.some((type) => type === value);

const typesOf = (
  schema: { readonly [key: string]: JsonValue },
  path: string,
  faults: ParameterFault[],
): SchemaType[] => {
  const stated = schema.type;
  const list: readonly JsonValue[] = Array.isArray(stated) ? stated : stated === undefined ? [] : [stated as JsonValue];
  const found = list.filter(isType);
  if (found.length !== list.length)
    faults.push({ path: `${path}.type`, message: `must be one of ${types.join(', ')}` });
  return schema.nullable === true && found.length > 0 ? [...found, 'null'] : found;
};

const propertiesOf = (
  value: JsonValue | undefined,
  path: string,
  faults: ParameterFault[],
  depth: number,
): Map<string, ParameterSchema> | undefined => {
  if (value === undefined) return undefined;
  if (!isRecord(value)) {
    faults.push({ path: `${path}.properties`, message: 'must be an object' });
    return undefined;
  }
  const properties = new Map<string, ParameterSchema>();
  for (const [name, child] of Object.entries(value)) {
    const at = `${path}.properties.${name}`;
    if (depth === 0 && !parameterName.test(name)) {
      faults.push({ path: at, message: 'a parameter is named with letters, digits, "_" and "-"' });
    }
    properties.set(name, read(child, at, faults, depth + 1));
  }
  return properties;
};

const read = (value: JsonValue, path: string, faults: ParameterFault[], depth: number): ParameterSchema => {
  const empty: ParameterSchema = { types: [], required: new Set(), closed: false, bounds: {} };
  if (depth > maxDepth) {
    faults.push({ path, message: 'is nested too deeply' });
    return empty;
  }
  if (!isRecord(value)) {
    faults.push({ path, message: 'must be a JSON Schema object' });
    return empty;
  }
  for (const key of Object.keys(value)) {
    // What is not understood is refused: a rule that is silently ignored protects nobody.
    if (!known.has(key) && !annotations.has(key)) {
      faults.push({ path: `${path}.${key}`, message: 'this keyword of JSON Schema is not supported' });
    }
  }
  const bounds: Partial<Record<Bound, number>> = {};
  for (const bound of boundNames) {
    const limit = value[bound];
    if (typeof limit === 'number') bounds[bound] = limit;
    else if (limit !== undefined) faults.push({ path: `${path}.${bound}`, message: 'must be a number' });
  }
  const { enum: listed, required, description } = value;
  if (listed !== undefined && !Array.isArray(listed)) faults.push({ path: `${path}.enum`, message: 'must be a list' });
  const names = Array.isArray(required) ? required.filter((item: JsonValue) => typeof item === 'string') : [];
  const properties = propertiesOf(value.properties, path, faults, depth);
  for (const name of names) {
    if (properties?.has(name) !== true)
      faults.push({ path: `${path}.required`, message: `names "${name}", which is no property` });
  }
  const choices = value.const === undefined ? (Array.isArray(listed) ? listed : undefined) : [value.const];
  return {
    types: typesOf(value, path, faults),
    required: new Set(names),
    closed: value.additionalProperties === false,
    bounds,
    ...(typeof description === 'string' ? { description } : {}),
    ...(choices === undefined ? {} : { choices }),
    ...(properties === undefined ? {} : { properties }),
    ...(value.items === undefined ? {} : { items: read(value.items, `${path}.items`, faults, depth + 1) }),
    ...(value.default === undefined ? {} : { fallback: value.default }),
  };
};

/** Reads the `parameters` of an action. Faults are added to the list; the schema is of use only when there are none. */
export const readParameters = (value: JsonValue, faults: ParameterFault[]): ParameterSchema => {
  const schema = read(value, 'parameters', faults, 0);
  if (schema.types.length > 0 && !schema.types.includes('object')) {
    faults.push({ path: 'parameters.type', message: 'must be "object"' });
  }
  return schema;
};

/** Models write numbers as text and the other way round; what is meant beyond doubt is taken as meant. */
const coerce = (value: JsonValue, wanted: readonly SchemaType[]): JsonValue => {
  if (wanted.length === 0) return value;
  const has = (type: SchemaType): boolean => wanted.includes(type);
  if (typeof value === 'string' && !has('string')) {
    if ((has('number') || has('integer')) && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value.trim())) return Number(value);
    if (has('boolean') && /^(?:true|false)$/i.test(value)) return value.toLowerCase() === 'true';
    if (has('null') && value === '') return null;
  }
  if ((typeof value === 'number' || typeof value === 'boolean') && has('string') && !has('number') && !has('boolean')) {
    return String(value);
  }
  return value;
};

const hasType = (value: JsonValue, type: SchemaType): boolean => {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isRecord(value);
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value);
  return typeof value === type;
};

const sizeFault = (value: JsonValue, bounds: ParameterSchema['bounds']): string | undefined => {
  const check = (size: number, min: Bound, max: Bound, what: string): string | undefined => {
    const [low, high] = [bounds[min], bounds[max]];
    if (low !== undefined && size < low) return `must be at least ${low}${what}`;
    return high !== undefined && size > high ? `must be at most ${high}${what}` : undefined;
  };
  if (typeof value === 'number') return check(value, 'minimum', 'maximum', '');
  if (typeof value === 'string') return check([...value].length, 'minLength', 'maxLength', ' characters long');
  return Array.isArray(value) ? check(value.length, 'minItems', 'maxItems', ' items long') : undefined;
};

const checked = (given: JsonValue, schema: ParameterSchema, path: string, faults: ParameterFault[]): JsonValue => {
  const value = coerce(given, schema.types);
  const fault = (message: string): JsonValue => {
    faults.push({ path, message });
    return value;
  };
  if (schema.types.length > 0 && !schema.types.some((type) => hasType(value, type))) {
    return fault(`must be ${schema.types.join(' or ')}`);
  }
  if (
    schema.choices !== undefined &&
    !schema.choices.some((choice) => JSON.stringify(choice) === JSON.stringify(value))
  ) {
    return fault(`must be one of ${schema.choices.map((choice) => JSON.stringify(choice)).join(', ')}`);
  }
  const size = sizeFault(value, schema.bounds);
  if (size !== undefined) return fault(size);
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? value
      : value.map((item: JsonValue, index) => checked(item, items, `${path}[${index}]`, faults));
  }
  return isRecord(value) ? checkedObject(value, schema, path, faults) : value;
};

const checkedObject = (
  value: { readonly [key: string]: JsonValue },
  schema: ParameterSchema,
  path: string,
  faults: ParameterFault[],
): JsonValue => {
  if (schema.properties === undefined) return value;
  const result: Record<string, JsonValue> = Object.create(null);
  for (const [name, item] of checkedProperties(value, schema, schema.properties, path, faults)) result[name] = item;
  return result;
};

type Values = { readonly [key: string]: JsonValue };
const nothingBound: Values = {};

const checkedProperties = (
  value: { readonly [key: string]: JsonValue },
  schema: ParameterSchema,
  properties: ReadonlyMap<string, ParameterSchema>,
  path: string,
  faults: ParameterFault[],
  bound: Values = nothingBound,
): Map<string, JsonValue> => {
  const result = new Map<string, JsonValue>();
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(bound, name)) continue;
    const item = value[name] ?? null;
    const property = properties.get(name);
    if (property === undefined) {
      if (schema.closed && path !== '') faults.push({ path: at(name), message: 'is not known' });
      else result.set(name, item);
      continue;
    }
    // A strict tool schema makes the AI write null for what it leaves out.
    if (item === null && !property.types.includes('null') && !schema.required.has(name)) continue;
    result.set(name, checked(item, property, at(name), faults));
  }
  for (const [name, property] of properties) {
    if (result.has(name) || Object.hasOwn(bound, name)) continue;
    if (property.fallback !== undefined) result.set(name, property.fallback);
    else if (schema.required.has(name)) faults.push({ path: at(name), message: 'is required' });
  }
  return result;
};

/**
 * Checks what the AI supplied and brings it into the declared types. Every fault is named with its path. What is `bound`
 * stands whatever was supplied for it, so that is neither required nor looked at.
 */
export const checkArguments = (
  args: Values,
  schema: ParameterSchema | undefined,
  bound: Values = nothingBound,
): { readonly values: ReadonlyMap<string, JsonValue>; readonly faults: readonly ParameterFault[] } => {
  if (schema?.properties === undefined) return { values: new Map(Object.entries(args)), faults: [] };
  const faults: ParameterFault[] = [];
  return { values: checkedProperties(args, schema, schema.properties, '', faults, bound), faults };
};

const strict = (schema: ParameterSchema, optional: boolean): { readonly [key: string]: JsonValue } => {
  const stated: SchemaType[] = schema.types.length > 0 ? [...schema.types] : ['string'];
  if (optional && !stated.includes('null')) stated.push('null');
  const only = stated.length === 1 ? stated[0] : undefined;
  return {
    type: only ?? stated,
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(schema.choices === undefined ? {} : { enum: optional ? [...schema.choices, null] : schema.choices }),
    ...(stated.includes('array')
      ? { items: strict(schema.items ?? { types: ['string'], required: new Set(), closed: false, bounds: {} }, false) }
      : {}),
    ...(stated.includes('object') ? objectShape(schema, new Set()) : {}),
  };
};

const objectShape = (schema: ParameterSchema, hidden: ReadonlySet<string>): { readonly [key: string]: JsonValue } => {
  const entries = [...(schema.properties ?? [])].filter(([name]) => !hidden.has(name));
  return {
    properties: Object.fromEntries(
      entries.map(([name, property]) => [name, strict(property, !schema.required.has(name))]),
    ),
    required: entries.map(([name]) => name),
    additionalProperties: false,
  };
};

/**
 * The schema a model is given: the strict subset that function calling shares (every property required, nullable
 * instead of optional, nothing additional, no bounds). Static values are left out: the AI never hears of them.
 */
export const toolParameters = (schema: ParameterSchema | undefined, hidden: ReadonlySet<string>): JsonValue => ({
  type: 'object',
  ...objectShape(schema ?? { types: ['object'], required: new Set(), closed: true, bounds: {} }, hidden),
});
