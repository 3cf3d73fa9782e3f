import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

type Body = Record<string, unknown> & {
  id?: string;
  items?: { id: string; phone: string | null }[];
  next?: string | null;
};
const ask = async (
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<{ status: number; body: Body }> => {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token ?? (await api.token('editor'))}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Body) };
};
const ann = '+14155550123';

beforeEach(async () => {
  await api.redis.command('FLUSHALL');
  api.directory.directory.forget();
  for (const id of ['acme', 'globex']) {
    const path = `/v1/organizations/${id}/document`;
    const document = { organization: { id, name: id }, agents: [] };
    expect((await ask('PUT', path, document, api.adminToken)).status).toBe(200);
  }
});

it('a contact that was made is found by its number, and is the caller when that number calls', async () => {
  const made = await ask('POST', '/v1/contacts', { name: 'Ann', phone: ann, custom_data: { plan: 'gold' } });
  expect(made).toMatchObject({
    status: 201,
    body: { name: 'Ann', phone: ann, email: null, custom_data: { plan: 'gold' } },
  });
  const session = await api.session({ caller: { e164: ann, raw: ann, display: null, withheld: false } });
  expect(session.snapshot.contactId).toBe(made.body.id);
  expect((await ask('GET', `/v1/contacts?phone=${encodeURIComponent(ann)}`)).body.items).toEqual([made.body]);
  expect((await ask('GET', '/v1/contacts?phone=%2B14155550199')).body.items).toEqual([]);
});

it('is changed in parts; null takes a field off, and a number leads where it was moved to', async () => {
  const session = await api.session({ caller: { e164: ann, raw: ann, display: null, withheld: false } });
  const path = `/v1/contacts/${session.snapshot.contactId}`;
  await ask('PUT', path, { name: 'Ann', email: 'ann@example.com', custom_data: { plan: 'gold', city: 'Ghent' } });
  const changed = await ask('PUT', path, {
    email: null,
    phone: '+14155550199',
    custom_data: { plan: null, tier: '1' },
  });
  expect(changed).toMatchObject({ status: 200, body: { name: 'Ann', email: null, phone: '+14155550199' } });
  expect(changed.body.custom_data).toEqual({ city: 'Ghent', tier: '1' });
  const moved = await ask('POST', '/v1/contacts', { name: 'Bea', phone: ann });
  expect(moved.status).toBe(201);
  const taken = await ask('PUT', path, { phone: ann });
  expect([taken.status, taken.body.code]).toEqual([409, 'conflict']);
  expect((await ask('GET', path)).body).toEqual(changed.body);
});

it('is gone when removed, with every number and index that led to it', async () => {
  const session = await api.session({ caller: { e164: ann, raw: ann, display: null, withheld: false } });
  const path = `/v1/contacts/${session.snapshot.contactId}`;
  await ask('PUT', path, { phone: '+14155550199' });
  await ask('PUT', path, { phone: '+14155550188' });
  expect((await ask('DELETE', path)).status).toBe(204);
  expect((await ask('DELETE', path)).status).toBe(404);
  expect((await ask('GET', path)).status).toBe(404);
  const left = ((await api.redis.command('KEYS', '*contact*')) as string[]).filter((key) => !key.endsWith(':contacts'));
  expect(left).toEqual([]);
  expect((await ask('GET', '/v1/contacts')).body).toEqual({ items: [], next: null });
  const next = await api.session({ caller: { e164: ann, raw: ann, display: null, withheld: false } });
  expect(next.snapshot.contactId).not.toBe(session.snapshot.contactId);
});

it('are listed page by page, each once, and only those of the organization', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) ids.push(String((await ask('POST', '/v1/contacts', { name: `N${n}` })).body.id));
  const elsewhere = await ask('POST', '/v1/contacts', { name: 'Other' }, await api.token('editor', 'globex'));
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await ask('GET', `/v1/contacts?limit=2${cursor}`);
    seen.push(...(body.items ?? []).map(({ id }) => id));
    if (body.next === null || body.next === undefined) break;
    cursor = `&cursor=${body.next}`;
  }
  expect([...seen].sort()).toEqual([...ids].sort());
  const path = `/v1/contacts/${elsewhere.body.id}`;
  for (const [method, body] of [['GET'], ['PUT', { name: 'Mine' }], ['DELETE']] as const)
    expect([method, (await ask(method, path, body)).status]).toEqual([method, 404]);
  expect((await ask('GET', '/v1/contacts?cursor=nonsense')).status).toBe(400);
});

it('are refused when they make no sense, and to those who may only read', async () => {
  for (const body of [{ phone: '0415' }, { name: '' }, { zendeskUserId: '1' }, { custom_data: { a: 1 } }])
    expect([body, (await ask('POST', '/v1/contacts', body)).status]).toEqual([body, 400]);
  const viewer = await api.token('viewer');
  expect((await ask('POST', '/v1/contacts', { name: 'X' }, viewer)).status).toBe(403);
  expect((await ask('GET', '/v1/contacts', undefined, viewer)).status).toBe(200);
});
