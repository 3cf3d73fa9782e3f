import { slugOf } from '../definition.js';
import { isRecord, type JsonValue } from '../template/values.js';
import {
  field,
  type JsonObject,
  listField,
  OperationFault,
  objectField,
  plainSchema,
  resolve,
  type SchemaBudget,
  schemaBudget,
  textField,
} from './document.js';

/** What an operation asks for, in the terms of a webhook action. */
export type ImportedOperation = {
  /** By which a later import finds the action again. */
  readonly source: string;
  /** What the slug is made of. */
  readonly identifier: string;
  readonly fields: JsonObject;
  /** What was left out, a sentence each. */
  readonly notes: readonly string[];
};

export const operationMethods = ['get', 'post', 'put', 'patch', 'delete'] as const;

type Build = {
  readonly properties: Record<string, JsonValue>;
  readonly required: string[];
  readonly notes: string[];
  readonly budget: SchemaBudget;
};

/** The attribute that carries a parameter; its name is unique in the action. */
const attributeFor = (name: string, build: Build): string => {
  const plain =
    name
      .replace(/[^A-Za-z0-9_]/g, '_')
      .replace(/^(?=\d)/, '_')
      .slice(0, 60) || '_';
  let candidate = plain;
  for (let next = 2; Object.hasOwn(build.properties, candidate); next += 1) candidate = `${plain}_${next}`;
  return candidate;
};

const declare = (name: string, schema: JsonObject, description: string | undefined, build: Build): string => {
  const attribute = attributeFor(name, build);
  build.properties[attribute] =
    description === undefined ? schema : { ...schema, description: description.slice(0, 500) };
  build.required.push(attribute);
  return `{${attribute}}`;
};

const jsonContent = (content: JsonObject): JsonValue | undefined =>
  Object.entries(content).find(([type]) => /^application\/(?:[\w.-]+\+)?json\b/i.test(type))?.[1];

const bodyOf = (root: JsonValue, operation: JsonObject, build: Build): JsonValue | undefined => {
  const body = resolve(root, field(operation, 'requestBody'));
  if (body === undefined) return undefined;
  const media = jsonContent(objectField(body, 'content'));
  if (media === undefined) {
    if (field(body, 'required') === true) throw new OperationFault('its body is not JSON');
    return undefined;
  }
  const schema = plainSchema(root, field(media, 'schema'), build.budget);
  const properties = Object.entries(objectField(schema, 'properties'));
  if (properties.length === 0) return declare('body', schema, textField(body, 'description'), build);
  const required = new Set(listField(schema, 'required'));
  const result: Record<string, JsonValue> = {};
  for (const [name, child] of properties) {
    // A property that is left out cannot be said in a body of fixed form, and null is not the same.
    if (required.size > 0 && !required.has(name)) build.notes.push(`the optional property "${name}" is left out`);
    else result[name] = declare(name, isRecord(child) ? child : {}, undefined, build);
  }
  return result;
};

/** Reads one operation. Throws OperationFault. */
export const readOperation = (
  root: JsonValue,
  origin: string,
  title: string,
  path: string,
  method: (typeof operationMethods)[number],
  item: JsonObject,
): ImportedOperation => {
  const operation = objectField(item, method);
  const build: Build = { properties: {}, required: [], notes: [], budget: schemaBudget() };
  const headers: Record<string, string> = {};
  const query: string[] = [];
  let filled = path;
  // An operation's own parameter replaces the one of its path with the same name and place.
  const parameters = new Map<string, JsonObject>();
  for (const value of [...listField(item, 'parameters'), ...listField(operation, 'parameters')]) {
    const parameter = resolve(root, value);
    if (parameter !== undefined)
      parameters.set(`${textField(parameter, 'in')} ${textField(parameter, 'name')}`, parameter);
  }
  for (const parameter of parameters.values()) {
    const [name, place] = [textField(parameter, 'name') ?? '', textField(parameter, 'in')];
    if (place !== 'path' && field(parameter, 'required') !== true) {
      build.notes.push(`the optional ${place} parameter "${name}" is left out`);
      continue;
    }
    if (place === 'cookie') throw new OperationFault(`it needs the cookie "${name}"`);
    const schema = plainSchema(
      root,
      field(parameter, 'schema') ?? field(jsonContent(objectField(parameter, 'content')), 'schema'),
      build.budget,
    );
    const reference = declare(name, schema, textField(parameter, 'description'), build);
    if (place === 'path') filled = filled.replaceAll(`{${name}}`, `\u0000${reference.slice(1, -1)}\u0001`);
    else if (place === 'query') query.push(`${encodeURIComponent(name)}=${reference}`);
    else headers[name] = reference;
  }
  if (/[{}]/.test(filled)) throw new OperationFault('its path has a parameter that is not described');
  const url = `${origin}${filled.replaceAll('\u0000', '{').replaceAll('\u0001', '}')}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const body = method === 'get' ? undefined : bodyOf(root, operation, build);
  const operationId = textField(operation, 'operationId');
  const identifier = operationId?.replace(/([a-z0-9])([A-Z])/g, '$1 $2') ?? `${method} ${path}`;
  const summary = textField(operation, 'summary');
  const description = (textField(operation, 'description') ?? summary ?? '').replace(/\s+/g, ' ').slice(0, 120);
  if (listField(operation, 'security').length + listField(root, 'security').length > 0) {
    build.notes.push('it asks for a credential: set its authentication');
  }
  return {
    source: `${title} ${operationId ?? `${method.toUpperCase()} ${path}`}`.slice(0, 300),
    identifier: slugOf(identifier),
    notes: build.notes,
    fields: {
      name: (summary ?? operationId ?? identifier).replace(/\s+/g, ' ').slice(0, 60).trim(),
      ...(description === '' ? {} : { description }),
      method: method.toUpperCase(),
      url,
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
      parameters: { type: 'object', properties: build.properties, required: build.required },
    },
  };
};
