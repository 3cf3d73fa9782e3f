import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../core/entry-path.js';
import { documentSchema } from './document-schema.js';

type Schema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
};

/** Every field of the document as a path: `agents[].leg.type`. */
const fieldsOf = (schema: Schema, path = ''): string[] => {
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((variant) => fieldsOf(variant, path));
  const items = schema.items === undefined ? [] : fieldsOf(schema.items, `${path}[]`);
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const field = path === '' ? name : `${path}.${name}`;
    return [field, ...fieldsOf(value, field)];
  });
  return [...variants, ...items, ...own];
};

it('is described by its reference page, every field and no other', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/document.md'), 'utf8');
  const written = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  const schema: Schema = JSON.parse(
    JSON.stringify(z.toJSONSchema(documentSchema, { io: 'input', unrepresentable: 'any' })),
  );
  expect(written.sort()).toEqual([...new Set(fieldsOf(schema))].sort());
});
