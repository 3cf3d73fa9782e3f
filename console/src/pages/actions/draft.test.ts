import { expect, it } from 'vitest';
import { attributesIn, definitionOf, draftOf } from './draft.js';

const definition = {
  ...{
    kind: 'webhook',
    name: 'Order',
    slug: 'order',
    method: 'GET',
    url: 'https://shop.example/{order_id}?a={user.name | upper}',
  },
  ...{ headers: { 'X-A': '{a}' }, limits: { timeout: 3, responseSize: 10 }, importedFrom: 'GET /orders' },
};

it('gives back the definition it was made of, fields it does not show included', () => {
  const made = definitionOf(draftOf(definition));
  expect(made).toMatchObject({ ok: true, definition: { ...definition, response: {}, auth: { type: 'none' } } });
});

it('says which part is no JSON', () => {
  const made = definitionOf({ ...draftOf(definition), response: '{' });
  expect(made.ok ? '' : made.error.message).toMatch(/^Response: This is not JSON/);
});

it('finds the attributes of templates, and no contexts', () => {
  expect(attributesIn(draftOf({ ...definition, body: { a: '{session.id}', b: '{b[0]}', c: '{secret.x}' } }))).toEqual([
    'order_id',
    'name',
    'a',
    'b',
  ]);
});
