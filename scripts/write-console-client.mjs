// Writes the types of the API for the console from the OpenAPI document of a running gateway:
//   node scripts/write-console-client.mjs http://127.0.0.1:8080
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const clientTypesPath = fileURLToPath(new URL('../console/src/api/schema.ts', import.meta.url));

const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name).replace(/^"(.*)"$/, "'$1'"));
const literal = (value) => (typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : JSON.stringify(value));
const union = (parts) => {
  const all = [...new Set(parts)];
  return all.includes('unknown') ? 'unknown' : all.join(' | ');
};

/** A JSON Schema as a TypeScript type; what it does not know is `unknown`, never `any`. */
const typeOf = (schema) => {
  if (schema === undefined || typeof schema !== 'object' || schema.$ref !== undefined) return 'unknown';
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map(literal));
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) return union(several.map(typeOf));
  const { type } = schema;
  if (Array.isArray(type)) return union(type.map((each) => typeOf({ ...schema, type: each })));
  if (type === 'string' || type === 'boolean' || type === 'null') return type;
  if (type === 'number' || type === 'integer') return 'number';
  if (type === 'array') return `readonly (${typeOf(schema.items)})[]`;
  if (type !== 'object') return 'unknown';
  const { properties, required = [], additionalProperties } = schema;
  if (properties === undefined) return `Readonly<Record<string, ${typeOf(additionalProperties)}>>`;
  const fields = Object.entries(properties).map(
    ([name, value]) => `readonly ${key(name)}${required.includes(name) ? '' : '?'}: ${typeOf(value)}`,
  );
  return `{ ${fields.join('; ')} }`;
};

const inputs = (operation, place) => {
  const found = operation.parameters.filter((each) => each.in === place);
  if (found.length === 0) return 'undefined';
  const fields = found.map(({ name, required, schema }) => {
    // What is a flag or a number in a query is written as text.
    const type = place === 'query' && (schema.enum?.includes('true') || schema.type === 'integer') ? 'string' : null;
    return `readonly ${key(name)}${required ? '' : '?'}: ${type ?? typeOf(schema)}${required ? '' : ' | undefined'}`;
  });
  return `{ ${fields.join('; ')} }`;
};

const reply = (operation) => {
  const successes = Object.entries(operation.responses).filter(([status]) => status.startsWith('2'));
  const types = successes.map(([, { content }]) => {
    if (content === undefined) return 'null';
    return content['application/json'] === undefined ? 'string' : typeOf(content['application/json'].schema);
  });
  return types.length === 0 ? 'null' : union(types);
};

/** The source text of the types of every operation, by `METHOD path`. */
export const clientTypes = (document) => {
  const lines = Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
    .filter(({ path }) => !path.startsWith('/twirp/'))
    .map(({ path, method, operation }) => {
      const body = operation.requestBody?.content['application/json']?.schema;
      return [
        `  ${literal(`${method.toUpperCase()} ${path}`)}: {`,
        `    readonly path: ${inputs(operation, 'path')};`,
        `    readonly query: ${inputs(operation, 'query')};`,
        `    readonly body: ${body === undefined ? 'undefined' : typeOf(body)};`,
        `    readonly reply: ${reply(operation)};`,
        '  };',
      ].join('\n');
    });
  return [
    '// Made of /openapi.json by scripts/write-console-client.mjs; a test keeps it in step.',
    'export type Operations = {',
    ...lines,
    '};',
    '',
  ].join('\n');
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , url = 'http://127.0.0.1:8080'] = process.argv;
  const response = await fetch(new URL('/openapi.json', url));
  writeFileSync(clientTypesPath, clientTypes(await response.json()));
}
