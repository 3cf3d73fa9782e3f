import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/support/api.js';
import { until } from '../../test/support/until.js';
import { systemClock } from '../core/clock.js';
import { createApiKeys } from '../platform/access/index.js';
import { apiKeyRoutes } from './routes/api-keys.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    more: ({ deps, redis }) => {
      const keys = createApiKeys({ redis, clock: systemClock, log: deps.log });
      deps.access.register(keys.reader);
      return apiKeyRoutes(deps, keys);
    },
  });
});
afterAll(() => api.close());

type Answer = { readonly status: number; readonly body: Record<string, unknown> };
const ask = async (
  token: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
};
const document = (id: string, number: string) => ({
  organization: { id, name: id },
  numbers: [{ number, agent: 'support', profile: 'local', verified: true }],
  agents: [{ id: 'support', leg: { type: 'builtin', script: { steps: [] } } }],
});
const apply = async (id: string, number: string): Promise<void> => {
  const path = `/v1/organizations/${id}/document`;
  expect((await ask(api.adminToken, 'PUT', path, document(id, number))).status).toBe(200);
};
const create = async (scopes: readonly string[], more: object = {}): Promise<{ id: string; key: string }> => {
  const answer = await ask(await api.token('admin'), 'POST', '/v1/api-keys', { name: 'Billing', scopes, ...more });
  expect(answer.status).toBe(201);
  return answer.body as { id: string; key: string };
};

beforeEach(async () => {
  await api.redis.command('FLUSHALL');
  api.directory.directory.forget();
  api.lines.length = 0;
  await apply('acme', '+14155550100');
});

it('an API key does what its scopes say, in its organization, until it is revoked', async () => {
  await apply('globex', '+14155550177');
  const session = await api.session();
  const foreign = await api.session({ orgId: 'globex' });
  const { id, key } = await create(['sessions:read', 'sip:read']);
  expect(key).toMatch(/^ocx_live_[\w-]{12}_[\w-]{43}$/);
  const statuses = async (): Promise<number[]> => [
    (await ask(key, 'GET', '/v1/sessions')).status,
    (await ask(key, 'GET', `/v1/sessions/${session.id}`)).status,
    (await ask(key, 'GET', `/v1/sessions/${foreign.id}`)).status,
    (await ask(key, 'GET', '/v1/sessions?organization=globex')).status,
    (await ask(key, 'POST', `/v1/sessions/${session.id}/hangup`)).status,
    (await ask(key, 'GET', '/v1/organizations/acme/document')).status,
  ];
  expect(await statuses()).toEqual([200, 200, 404, 404, 403, 403]);
  expect(await ask(key, 'GET', '/v1/audit')).toMatchObject({
    status: 403,
    body: { message: 'The API key has no scope for this (audit:read).' },
  });
  const used = await until('the use to be noted', async () => {
    const listed = (await ask(await api.token('admin'), 'GET', '/v1/api-keys')).body.items as { lastUsedAt: string }[];
    return listed[0]?.lastUsedAt ? listed : null;
  });
  expect(used).toEqual([
    {
      ...{ id, name: 'Billing', scopes: ['sessions:read', 'sip:read'], createdBy: 'admin@acme', expiresAt: null },
      ...{ createdAt: expect.any(String), lastUsedAt: expect.any(String) },
    },
  ]);
  expect((await ask(await api.token('admin', 'globex'), 'DELETE', `/v1/api-keys/${id}`)).status).toBe(404);
  expect((await ask(await api.token('admin'), 'DELETE', `/v1/api-keys/${id}`)).status).toBe(204);
  expect(await statuses()).toEqual([401, 401, 401, 401, 401, 401]);
});

it('an API key makes no further keys, and nobody but administrators sees any', async () => {
  const admin = await api.token('admin');
  for (const scope of ['api-keys:write', 'system:read', 'metrics:read', 'nothing:at-all', '*', 'sessions']) {
    const refused = await ask(admin, 'POST', '/v1/api-keys', { name: 'x', scopes: [scope] });
    expect([scope, refused.status]).toEqual([scope, 400]);
  }
  const { key } = await create(['api-keys:*', 'sessions:*', 'audit:*']);
  expect((await ask(key, 'GET', '/v1/api-keys')).status).toBe(200);
  expect((await ask(key, 'POST', '/v1/api-keys', { name: 'x', scopes: ['sessions:*'] })).status).toBe(403);
  for (const role of ['editor', 'viewer'] as const) {
    expect((await ask(await api.token(role), 'GET', '/v1/api-keys')).status).toBe(403);
  }
});

it('an expired key, a changed one and one of another form are refused alike', async () => {
  const soon = new Date(Date.now() + 1_000).toISOString();
  const { key } = await create(['sessions:read'], { expiresAt: soon });
  await until('the end of the key', async () => (await ask(key, 'GET', '/v1/sessions')).status === 401);
  const { key: good } = await create(['sessions:read']);
  const other = await create(['sessions:read']);
  const changed = [
    `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
    good.replace(good.slice(9, 21), other.id),
    good.slice(0, -1),
    'ocx_live_',
    'ocx_test_x',
  ];
  for (const wrong of changed) expect((await ask(wrong, 'GET', '/v1/sessions')).status).toBe(401);
  expect((await ask(good, 'GET', '/v1/sessions')).status).toBe(200);
  const past = await ask(await api.token('admin'), 'POST', '/v1/api-keys', {
    ...{ name: 'x', scopes: ['sessions:read'], expiresAt: '2020-01-01T00:00:00Z' },
  });
  expect(past.status).toBe(400);
});

it('a key stands in no log and not in the store', async () => {
  const { key } = await create(['sessions:read']);
  await ask(key, 'GET', `/v1/sessions/${key}?x=${key}`);
  await ask(`${key}x`, 'GET', '/v1/sessions');
  const secret = key.slice(22);
  expect(api.lines.length).toBeGreaterThan(3);
  expect(api.lines.join('\n')).not.toContain(secret);
  const keys = (await api.redis.command('KEYS', '*')) as string[];
  for (const name of keys) {
    const dump = String(await api.redis.command('DUMP', name));
    expect([name, dump.includes(secret)]).toEqual([name, false]);
  }
});

it('the audit trail says who changed what, when and from where, and nothing of what was only tried', async () => {
  const admin = await api.token('admin');
  const { id } = await create(['sessions:read']);
  await ask(admin, 'DELETE', `/v1/api-keys/${id}`);
  await ask(admin, 'PUT', '/v1/organizations/acme/document?dryRun=1', document('acme', '+14155550101'));
  await ask(admin, 'PUT', '/v1/organizations/acme/document', document('acme', '+14155550100'));
  await ask(await api.token('viewer'), 'PUT', '/v1/organizations/acme/document', document('acme', '+14155550101'));
  await ask(admin, 'PUT', '/v1/organizations/acme/document', document('acme', '+14155550101'));
  const first = await ask(admin, 'GET', '/v1/audit?limit=3');
  expect(first.status).toBe(200);
  const items = first.body.items as Record<string, unknown>[];
  expect(items.map(({ who, request, changes }) => [who, request, changes])).toEqual([
    ['dashboard admin@acme', 'PUT /v1/organizations/acme/document', ['created number +14155550101']],
    ['dashboard admin@acme', `DELETE /v1/api-keys/${id}`, [`revoked API key ${id}`]],
    ['dashboard admin@acme', 'POST /v1/api-keys', [`created API key ${id} for sessions:read`]],
  ]);
  expect(items[0]).toMatchObject({ role: 'admin', action: 'document:write', remote: '127.0.0.1' });
  expect(Date.parse(String(items[0]?.at))).toBeGreaterThan(Date.now() - 60_000);
  const rest = await ask(admin, 'GET', `/v1/audit?limit=3&cursor=${String(first.body.next)}`);
  // The operator's change, made before, is the organization's too.
  expect(rest.body).toMatchObject({ items: [{ who: 'admin-token admin-token', role: 'operator' }], next: null });
  expect((await ask(await api.token('admin', 'globex'), 'GET', '/v1/audit')).body).toEqual({ items: [], next: null });
  expect((await ask(await api.token('viewer'), 'GET', '/v1/audit')).status).toBe(403);
  expect((await ask(admin, 'GET', '/v1/audit?cursor=0-0')).status).toBe(400);
  expect((await ask(api.adminToken, 'GET', '/v1/system/audit')).body).toEqual({ items: [], next: null });
});

const place = { name: 'Desk', type: 'sip', value: 'sip:desk@127.0.0.1' };
it.each<[string, object, object, string]>([
  ['/v1/api-keys', { name: 'Billing', scopes: ['sessions:read'] }, { name: 'Other', scopes: ['sessions:read'] }, 'key'],
  ['/v1/transfer-destinations', { id: 'desk', ...place }, { id: 'other', ...place }, 'id'],
  ['/v1/agents', { id: 'night', leg: { type: 'builtin', script: { steps: [] } } }, { id: 'day' }, 'id'],
  ['/phone/sip/transfer-destinations', place, { ...place, name: 'Other' }, 'id'],
  [
    '/phone/sip/agents/support/transfer-destinations',
    { create: place },
    { create: { ...place, name: 'Other' } },
    'destination_id',
  ],
  ['/v1/contacts', { name: 'Ann' }, { name: 'Bea' }, 'id'],
])('a POST to %s acts once under an Idempotency-Key', async (path, body, another, named) => {
  const admin = await api.token('admin');
  const key = { 'idempotency-key': `once-${path}` };
  const trail = async (): Promise<number> =>
    ((await ask(api.adminToken, 'GET', '/v1/audit')).body.items as unknown[]).length;
  const [first, second] = await Promise.all([ask(admin, 'POST', path, body, key), ask(admin, 'POST', path, body, key)]);
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.body).toEqual(first.body);
  const before = await trail();
  const third = await ask(await api.token('admin'), 'POST', path, body, key);
  expect([third.status, third.body[named]]).toEqual([201, first.body[named]]);
  expect(await trail()).toBe(before);
  const other = await ask(admin, 'POST', path, another, key);
  expect([other.status, other.body.code]).toEqual([409, 'conflict']);
  // The key of somebody else means something else.
  const theirs = await ask(api.adminToken, 'POST', `${path}?organization=acme`, another, key);
  expect(String(theirs.body.message)).not.toContain('Idempotency-Key');
});

it('a request that was refused may be sent again under its key, and no key at all is refused', async () => {
  const admin = await api.token('admin');
  const key = { 'idempotency-key': 'again' };
  const bad = { id: 'desk', name: 'Desk', type: 'sip', value: 'nonsense' };
  expect((await ask(admin, 'POST', '/v1/transfer-destinations', bad, key)).status).toBe(400);
  expect((await ask(admin, 'POST', '/v1/transfer-destinations', { ...bad, value: place.value }, key)).status).toBe(201);
  const spaced = await ask(admin, 'POST', '/v1/transfer-destinations', bad, { 'idempotency-key': 'a b' });
  expect([spaced.status, spaced.body.message]).toEqual([400, expect.stringContaining('Idempotency-Key')]);
});
