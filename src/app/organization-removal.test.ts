import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApi, type TestApi } from '../../test/support/api.js';
import { organizationRemovalRoutes } from '../api/index.js';
import { systemClock } from '../core/clock.js';
import { silentLogger } from '../core/logger.js';
import { type ApiKeys, createApiKeys } from '../platform/access/index.js';
import { createOrganizationRemoval } from './organization-removal.js';

let api: TestApi;
let apiKeys: ApiKeys;
beforeAll(async () => {
  api = await startTestApi({
    more: ({ deps, redis }) => {
      apiKeys = createApiKeys({ redis, clock: systemClock, log: silentLogger });
      deps.access.register(apiKeys.reader);
      const { directory, sessions } = deps;
      return organizationRemovalRoutes(
        createOrganizationRemoval({ ...{ redis, directory, sessions, apiKeys }, log: silentLogger }),
      );
    },
  });
});
afterAll(() => api.close());

const ask = async (method: string, path: string, body?: unknown, token = api.adminToken) => {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
};
const number = '+14155550100';
const document = (id: string, numbers: readonly object[]) => ({
  ...{ organization: { id, defaultCountry: 'US' }, numbers },
  agents: [{ id: 'support', leg: { type: 'builtin', script: { steps: [] } } }],
});
const apply = (id: string) =>
  ask(
    'PUT',
    `/v1/organizations/${id}/document`,
    document(id, [{ number, agent: 'support', profile: 'local', verified: true }]),
  );

it('an organization is deleted with all that is kept of it, once it has no call, and its name begins anew', async () => {
  expect([(await apply('acme')).status, (await apply('globex')).status]).toEqual([200, 409]);
  const globex = await ask('PUT', '/v1/organizations/globex/document', document('globex', []));
  expect(globex.status).toBe(200);
  const { key } = await apiKeys.create({
    orgId: 'acme',
    name: 'k',
    scopes: ['sessions:read'],
    createdBy: 'x',
    expiresAt: null,
  });
  expect((await ask('GET', '/v1/sessions', undefined, key)).status).toBe(200);
  const call = await api.session({ id: randomUUID() });

  const busy = await ask('DELETE', '/v1/organizations/acme');
  expect([busy.status, busy.body.message]).toEqual([409, expect.stringContaining('calls in progress')]);
  await call.change({ status: 'ended', endedAt: Date.now(), endReason: 'caller-hangup' });

  expect((await ask('DELETE', '/v1/organizations/acme')).status).toBe(204);
  expect((await ask('DELETE', '/v1/organizations/acme')).status).toBe(404);
  expect(await api.directory.directory.route(number)).toBeNull();
  expect(await api.directory.organizations()).toEqual(['globex']);
  expect((await ask('GET', '/v1/sessions', undefined, key)).status).toBe(401);
  // All that is left is how far its versions have counted.
  expect(await api.redis.command('KEYS', 'vg:{acme}:*')).toEqual(['vg:{acme}:directory']);
  expect(await api.redis.command('HKEYS', 'vg:{acme}:directory')).toEqual(['version']);
  expect(await api.redis.command('EXISTS', 'vg:{globex}:directory')).toBe(1);
  const trail = await ask('GET', '/v1/system/audit');
  expect(trail.body.items).toEqual([expect.objectContaining({ changes: ['deleted organization acme'] })]);

  // What an earlier attempt has left, because Redis went away in the middle, is removed by the next one.
  await api.redis.command('SET', 'vg:{acme}:left', '1');
  expect((await ask('DELETE', '/v1/organizations/acme')).status).toBe(204);
  expect(await api.redis.command('KEYS', 'vg:{acme}:*')).toEqual(['vg:{acme}:directory']);

  // The number is free, and the name as well: nothing of before is seen under it.
  expect((await apply('globex')).status).toBe(200);
  expect((await ask('PUT', '/v1/organizations/acme/document', document('acme', []))).status).toBe(200);
  expect((await ask('GET', '/v1/sessions?organization=acme')).body.items).toEqual([]);
  expect((await api.directory.directory.agent('acme', 'support'))?.id).toBe('support');
});
