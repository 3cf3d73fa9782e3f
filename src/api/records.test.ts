import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

type Answer = { readonly status: number; readonly body: Record<string, unknown> };
const ask = async (method: string, path: string, body?: unknown, token?: string): Promise<Answer> => {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token ?? (await api.token('admin'))}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
};
const leg = { type: 'builtin', script: { steps: [] } };

beforeEach(async () => {
  await api.redis.command('FLUSHALL');
  api.directory.directory.forget();
  const document = {
    organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
    numbers: [{ number: '+14155550100', agent: 'support', profile: 'local', verified: true }],
    agents: [{ id: 'support', name: 'Support', leg, transferDestinations: ['desk'], fallback: 'desk' }],
    transferDestinations: [
      {
        ...{ id: 'desk', name: 'Desk', type: 'sip', value: 'sip:desk@127.0.0.1', ringTimeout: 12 },
        digest: { username: 'gateway', password: 'canary-password' },
      },
    ],
  };
  expect((await ask('PUT', '/v1/organizations/acme/document', document, api.adminToken)).status).toBe(200);
});

it('a record is made, read, changed in parts and removed, by the rules of the document', async () => {
  const made = await ask('POST', '/v1/transfer-destinations', {
    ...{ id: 'owner', name: 'Owner', type: 'phone', value: '(415) 555-0199', trunk: 'sip:127.0.0.1:5090' },
  });
  expect(made).toMatchObject({ status: 201, body: { id: 'owner', value: '+14155550199', ringTimeout: 30 } });
  expect((await ask('POST', '/v1/transfer-destinations', made.body)).status).toBe(409);
  expect(await ask('PUT', '/v1/transfer-destinations/owner', { ringTimeout: 7 })).toMatchObject({
    status: 200,
    body: { id: 'owner', name: 'Owner', value: '+14155550199', ringTimeout: 7 },
  });
  const listed = (await ask('GET', '/v1/transfer-destinations')).body.items as { id: string }[];
  expect(listed.map(({ id }) => id)).toEqual(['desk', 'owner']);
  expect((await ask('DELETE', '/v1/transfer-destinations/owner')).status).toBe(204);
  expect((await ask('GET', '/v1/transfer-destinations/owner')).status).toBe(404);
  expect((await ask('DELETE', '/v1/transfer-destinations/owner')).status).toBe(404);
});

it('a credential is shown as bullets, which keep it when they come back', async () => {
  const before = await api.directory.directory.destination('acme', 'desk');
  const { body } = await ask('GET', '/v1/transfer-destinations/desk');
  expect(body.digest).toEqual({ username: 'gateway', password: '••••••••' });
  expect((await ask('PUT', '/v1/transfer-destinations/desk', { ...body, name: 'The desk' })).status).toBe(200);
  expect((await ask('PUT', '/v1/transfer-destinations/desk', { ringTimeout: 20 })).status).toBe(200);
  const after = await api.directory.directory.destination('acme', 'desk');
  expect(after).toEqual({ ...before, name: 'The desk', ringTimeout: 20 });
});

it('numbers and agents too; what is used is not removed, and faults name their field', async () => {
  expect(await ask('POST', '/v1/agents', { id: 'sales', leg, transferDestinations: ['nobody'] })).toMatchObject({
    status: 400,
    body: {
      details: [{ path: 'transferDestinations[0]', message: 'names the destination "nobody", which does not exist' }],
    },
  });
  expect((await ask('POST', '/v1/agents', { id: 'sales', leg })).status).toBe(201);
  const number = await ask('POST', '/v1/numbers', { number: '415 555 0101', agent: 'sales', profile: 'local' });
  expect(number).toMatchObject({ status: 201, body: { number: '+14155550101', agent: 'sales' } });
  expect(await ask('DELETE', '/v1/agents/sales')).toMatchObject({
    status: 409,
    body: { message: 'The agent is still used: numbers["+14155550101"].agent.' },
  });
  expect(await ask('PUT', '/v1/numbers/+14155550101', { agent: 'support' })).toMatchObject({ status: 200 });
  expect((await ask('PUT', '/v1/numbers/+14155550101', { number: '+14155550102' })).status).toBe(400);
  expect((await ask('DELETE', '/v1/agents/sales')).status).toBe(204);
  expect((await ask('DELETE', '/v1/transfer-destinations/desk')).body.message).toBe(
    'The destination is still used: agents["support"].transferDestinations[0], agents["support"].fallback.',
  );
  expect((await ask('DELETE', '/v1/numbers/%2B14155550101')).status).toBe(204);
  const viewer = await api.token('viewer');
  expect((await ask('GET', '/v1/numbers', undefined, viewer)).status).toBe(200);
  expect((await ask('DELETE', '/v1/numbers/+14155550100', undefined, viewer)).status).toBe(403);
  expect((await ask('GET', '/v1/numbers', undefined, await api.token('admin', 'globex'))).status).toBe(404);
});

it('the paths that OpenCX documents make, change and assign the same destinations', async () => {
  const made = await ask('POST', '/phone/sip/transfer-destinations', {
    ...{ name: 'Night line', type: 'sip', value: 'sip:night@127.0.0.1' },
  });
  expect(made).toMatchObject({
    status: 201,
    body: { name: 'Night line', type: 'sip', value: 'sip:night@127.0.0.1', created_at: expect.any(String) },
  });
  const id = String(made.body.id);
  expect(await ask('PUT', `/phone/sip/transfer-destinations/${id}`, { name: 'Late line' })).toMatchObject({
    status: 200,
    body: { id, name: 'Late line', value: 'sip:night@127.0.0.1', updated_at: expect.any(String) },
  });
  const assign = '/phone/sip/agents/support/transfer-destinations';
  expect(await ask('POST', assign, { destination_id: id })).toEqual({ status: 201, body: { destination_id: id } });
  expect((await ask('POST', assign, { destination_id: id })).status).toBe(201);
  const created = await ask('POST', assign, { create: { name: 'Another', type: 'sip', value: 'sip:a@127.0.0.1' } });
  expect(created.status).toBe(201);
  expect((await api.directory.directory.agent('acme', 'support'))?.transferDestinations).toEqual([
    'desk',
    id,
    created.body.destination_id,
  ]);
  expect((await ask('POST', assign, { destination_id: 'nobody' })).status).toBe(404);
  expect((await ask('POST', '/phone/sip/agents/nobody/transfer-destinations', { destination_id: id })).status).toBe(
    404,
  );
  expect((await ask('POST', '/phone/sip/transfer-destinations', { name: 'x', type: 'fax', value: '1' })).status).toBe(
    400,
  );
});
