import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../core/entry-path.js';
import { actionDefinitionSchema, clientAuthentications, statusGroups } from './definition.js';
import { runErrorTypes } from './runs.js';
import { filterNames } from './template/filters.js';
import { contextNames } from './template/syntax.js';

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
};

/** Every field of a definition as a path; the groups of statuses have the same fields, so one stands for all. */
const fieldsOf = (schema: Schema, path = ''): string[] => {
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((variant) => fieldsOf(variant, path));
  const more = schema.additionalProperties;
  const named = typeof more === 'object' && path !== '' ? fieldsOf(more, `${path}.*`) : [];
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const field = path === '' ? name : `${path}.${name}`;
    return [field, ...fieldsOf(value, field)];
  });
  return [...variants, ...named, ...own].filter((field) => !/^response\.[1345]xx\./.test(field));
};

describe('docs/reference/actions.md', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/actions.md'), 'utf8');
  /** The first column of the table below a heading whose first column has this title. */
  const column = (title: string): string[] => {
    const table = page.split(`\n| ${title} |`)[1]?.split('\n\n')[0] ?? expect.fail(`there is no table of ${title}`);
    return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');
  };

  it('has every field of an action and no other', () => {
    const schema: Schema = JSON.parse(
      JSON.stringify(z.toJSONSchema(actionDefinitionSchema, { io: 'input', unrepresentable: 'any' })),
    );
    expect(column('field').sort()).toEqual([...new Set(fieldsOf(schema))].sort());
  });

  it('has every context, filter and error and no other', () => {
    expect(column('context').sort()).toEqual([...contextNames].sort());
    expect(column('filter').sort()).toEqual([...filterNames].sort());
    expect(column('code').sort()).toEqual([...runErrorTypes].sort());
  });

  it('names every choice there is', () => {
    for (const choice of [...clientAuthentications, ...statusGroups]) expect(page).toContain(choice);
  });
});
