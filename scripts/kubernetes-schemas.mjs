// Makes schemas that kubeconform can use from those of a kubernetes-validate wheel, which refer to each other by an address on
// the network, and from a custom resource definition, which allows fields that it does not name.
//   node scripts/kubernetes-schemas.mjs SCHEMAS INTO VERSION...    folders of v<VERSION>-local-strict
//   node scripts/kubernetes-schemas.mjs CRD.json INTO
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [from, into, ...versions] = process.argv.slice(2);
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
/** Descriptions are most of a schema, and are read anew for each kind of object. */
const written = (schema) =>
  JSON.stringify(schema, (key, value) => (key === 'description' && typeof value === 'string' ? undefined : value));

for (const version of versions) {
  const name = `v${version}-local-strict`;
  mkdirSync(join(into, name), { recursive: true });
  for (const file of readdirSync(join(from, name))) {
    const { $id, ...schema } = readJson(join(from, name, file));
    const text = written(schema).replaceAll('"/api/_definitions.json#', '"_definitions.json#');
    writeFileSync(join(into, name, file), text);
  }
}

const strict = (schema) => {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  if (schema['x-kubernetes-int-or-string'] === true) return { ...inner, type: ['integer', 'string'] };
  const named = schema.type === 'object' && schema.properties !== undefined;
  return named && schema.additionalProperties === undefined ? { ...inner, additionalProperties: false } : inner;
};
if (versions.length === 0) {
  const { group, names, versions: served } = readJson(from).spec;
  mkdirSync(into, { recursive: true });
  for (const { name, schema } of served) {
    const made = strict(schema.openAPIV3Schema);
    // What every object has is the API server's to judge; the definition leaves it open.
    made.properties.metadata = { type: 'object' };
    const file = `${names.singular}-${group.split('.')[0]}-${name}.json`;
    writeFileSync(join(into, file), written(made));
  }
}
