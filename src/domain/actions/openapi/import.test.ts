import { describe, expect, it } from 'vitest';
import { isGatewayError } from '../../../core/errors.js';
import { parseAction } from '../compile-action.js';
import { importOpenApi } from './import.js';

const shop = {
  openapi: '3.0.3',
  info: { title: 'Shop', version: '1' },
  servers: [{ url: 'https://{region}.shop.example.com/v2/', variables: { region: { default: 'eu' } } }],
  security: [{ key: [] }],
  paths: {
    '/orders/{order-id}': {
      parameters: [{ $ref: '#/components/parameters/Order' }],
      get: {
        operationId: 'getOrder',
        summary: 'Order status',
        description: 'Looks up\n  an order.',
        parameters: [
          { name: 'expand', in: 'query', required: true, schema: { type: 'string', enum: ['lines', 'none'] } },
          { name: 'page', in: 'query', schema: { type: 'integer' } },
          { name: 'X-Tenant', in: 'header', required: true, schema: { type: 'string' } },
        ],
      },
      delete: { parameters: [{ name: 'sid', in: 'cookie', required: true, schema: {} }] },
    },
    '/orders': {
      post: {
        operationId: 'createOrder',
        requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/NewOrder' } } } },
      },
    },
    '/upload': { post: { requestBody: { required: true, content: { 'text/csv': {} } } } },
    '/lost/{id}': { get: {} },
  },
  components: {
    parameters: {
      Order: { name: 'order-id', in: 'path', required: true, description: 'The number', schema: { type: 'string' } },
    },
    schemas: {
      NewOrder: {
        allOf: [
          { $ref: '#/components/schemas/Base' },
          {
            type: 'object',
            required: ['lines'],
            properties: {
              lines: { type: 'array', items: { $ref: '#/components/schemas/Line' } },
              note: { type: 'string' },
            },
          },
        ],
      },
      Base: { type: 'object', required: ['customer'], properties: { customer: { type: 'integer', format: 'int64' } } },
      Line: { type: 'object', properties: { sku: { type: 'string' }, parent: { $ref: '#/components/schemas/Line' } } },
    },
  },
};

const sentence = (work: () => unknown): string => {
  try {
    work();
    return 'imported';
  } catch (error) {
    if (isGatewayError(error, 'bad_request')) return error.message;
    throw error;
  }
};

describe('the import of an OpenAPI document', () => {
  it('makes one action of each operation, ready to run', () => {
    const { actions } = importOpenApi(shop, []);
    expect(actions.map((action) => action.slug)).toEqual(['get_order', 'create_order']);
    const [get, create] = actions;
    expect(get).toEqual({
      name: 'Order status',
      slug: 'get_order',
      description: 'Looks up an order.',
      method: 'GET',
      url: 'https://eu.shop.example.com/v2/orders/{order_id}?expand={expand}',
      headers: { 'X-Tenant': '{X_Tenant}' },
      parameters: {
        type: 'object',
        properties: {
          order_id: { type: 'string', description: 'The number' },
          expand: { type: 'string', enum: ['lines', 'none'] },
          X_Tenant: { type: 'string' },
        },
        required: ['order_id', 'expand', 'X_Tenant'],
      },
      importedFrom: 'Shop getOrder',
    });
    expect(create).toMatchObject({ method: 'POST', body: { customer: '{customer}', lines: '{lines}' } });
    for (const action of actions) expect(() => parseAction(action)).not.toThrow();
  });

  it('says what it skipped and what it left out', () => {
    const { skipped, notes } = importOpenApi(shop, []);
    expect(skipped).toEqual([
      { path: 'DELETE /orders/{order-id}', message: 'it needs the cookie "sid"' },
      { path: 'POST /upload', message: 'its body is not JSON' },
      { path: 'GET /lost/{id}', message: 'its path has a parameter that is not described' },
    ]);
    expect(notes).toContainEqual({
      path: 'GET /orders/{order-id}',
      message: 'the optional query parameter "page" is left out',
    });
    expect(notes).toContainEqual({ path: 'POST /orders', message: 'the optional property "note" is left out' });
    expect(notes.filter((note) => note.message.includes('credential'))).toHaveLength(2);
  });

  it('a later import updates what it made, under its slug, and keeps what its author has set', () => {
    const [made] = importOpenApi(shop, []).actions;
    const edited = {
      ...made,
      slug: 'order_status',
      auth: { type: 'header', headers: { Authorization: '{secret.k}' } },
      headers: { ...(made?.headers as object), 'X-Own': 'mine' },
      limits: { timeout: 3 },
    };
    const other = { name: 'Create order', method: 'GET', url: 'https://a.example.com/' };
    const existing = [
      { slug: 'order_status', definition: edited },
      { slug: 'create_order', definition: other },
    ];
    const again = importOpenApi(shop, existing, 'https://new.example.com').actions;
    expect(again.map((action) => action.slug)).toEqual(['order_status', 'create_order_2']);
    expect(again[0]).toMatchObject({
      url: 'https://new.example.com/orders/{order_id}?expand={expand}',
      auth: edited.auth,
      limits: { timeout: 3 },
      headers: { 'X-Tenant': '{X_Tenant}', 'X-Own': 'mine' },
    });
  });

  it.each([
    [null, 'openapi is missing'],
    [{ swagger: '2.0' }, 'openapi must be 3.x'],
    [{ openapi: '3.1.0' }, 'servers is missing'],
    [{ openapi: '3.1.0', servers: [{ url: '/v1' }] }, 'is not absolute'],
    [{ openapi: '3.1.0', servers: [{ url: 'http://a.example.com' }] }, 'must be an https: address'],
    [{ openapi: '3.1.0', servers: [{ url: 'https://u:p@a.example.com' }] }, 'must not carry credentials'],
  ])('refuses %j in one sentence', (document, words) => {
    expect(sentence(() => importOpenApi(document, []))).toContain(words);
  });

  it('a document made to hurt neither hangs nor reaches a prototype', () => {
    const loop = { $ref: '#/components/schemas/A' };
    const hostile = {
      openapi: '3.1.0',
      servers: [{ url: 'https://a.example.com' }],
      paths: {
        '/a': {
          post: {
            requestBody: { content: { 'application/json': { schema: { type: 'object', properties: { a: loop } } } } },
            parameters: [{ $ref: 'https://evil.example.com/x' }, { $ref: '#/__proto__' }, 7, null],
          },
        },
        '/b': { get: 'nonsense', post: { operationId: '__proto__' } },
      },
      components: {
        schemas: { A: { properties: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`p${n}`, loop])) } },
      },
    };
    const { actions, skipped } = importOpenApi(hostile, []);
    expect(actions).toHaveLength(1);
    expect(skipped).toEqual([{ path: 'POST /a', message: 'its schemas are too large' }]);
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`/p${index}`, { get: {} }]));
    expect(sentence(() => importOpenApi({ ...hostile, paths: many }, []))).toContain('more than 200 operations');
  });
});
