import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiReference, type DocumentedApi } from '../../src/api/api-reference.js';
import { packageRoot } from '../../src/core/entry-path.js';
import { mintDashboardToken, permissions } from '../../src/platform/access/index.js';
import { type AgentRig, startAgentRig } from '../support/agent-rig.js';

type Operation = {
  readonly description?: string;
  readonly security?: readonly object[];
  readonly requestBody?: object;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, object>>;
};
type Entry = {
  readonly method: string;
  readonly path: string;
  readonly permission: keyof typeof permissions | null;
  /** Whether the query may say which organization is meant. */
  readonly names: boolean;
  readonly documented: readonly number[];
};

let rig: AgentRig;
let entries: readonly Entry[];
let document: DocumentedApi;
const secret = (): string => rig.owner.env.DASHBOARD_JWT_SECRET ?? '';

beforeAll(async () => {
  rig = await startAgentRig();
  const { body } = await rig.owner.gateway.api('/openapi.json');
  document = body as DocumentedApi;
  const { paths } = body as { paths: Record<string, Record<string, Operation>> };
  entries = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const named = /Permission `([\w:-]+)`/.exec(operation.description ?? '')?.[1];
      return {
        ...{ method: method.toUpperCase(), path },
        permission: (named ?? null) as Entry['permission'],
        names: operation.parameters.some(({ name, in: place }) => name === 'organization' && place === 'query'),
        documented: Object.keys(operation.responses).map(Number),
      };
    }),
  );
}, 60_000);
afterAll(() => rig?.close());

const dashboard = (role: 'admin' | 'editor' | 'viewer', org: string, ttl = 600, now = Date.now()): Promise<string> =>
  mintDashboardToken({ secret: secret(), sub: `${role}@${org}`, org, role, ttl, now });

/** The request with every parameter filled in; a path that names something names what belongs to the organization. */
const send = (
  { method, path }: Entry,
  token: string | null,
  sessionId: string,
  address: string,
  query = '',
): Promise<number> => {
  const target = `${path}${query}`
    .replace('/v1/sessions/{id}', `/v1/sessions/${sessionId}`)
    .replace('/v1/organizations/{id}', '/v1/organizations/acme')
    .replace('/v1/agents/{id}', '/v1/agents/support')
    .replace('/v1/transfer-destinations/{id}', '/v1/transfer-destinations/busy')
    .replace('/v1/numbers/{id}', '/v1/numbers/+14155550100')
    .replace(/\/v1\/actions\/\{(?:id|action)\}/, '/v1/actions/order_status')
    .replace(/\{\w+\}/g, 'x');
  const body = method === 'GET' || method === 'DELETE' ? null : '{}';
  return new Promise((resolve, reject) => {
    const asked = request(
      `${rig.owner.gateway.httpUrl}${target}`,
      {
        method,
        // Failures are counted by address: each route has one of its own.
        localAddress: address,
        agent: false,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          accept: 'application/json, text/event-stream',
          ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
        },
      },
      (response) => {
        resolve(response.statusCode ?? 0);
        // A stream would not end.
        response.destroy();
      },
    );
    asked.on('error', reject);
    asked.end(body ?? undefined);
  });
};
const open = [
  '/livez',
  '/readyz',
  '/openapi.json',
  '/metrics',
  '/backend/zendesk-v2/voice-prefetch/{token}',
  '/console/session',
  '/console/session/code',
  '/twilio/voice',
  '/twilio/status',
];

it('the page of the API has every route as the document does (scripts/write-reference.mjs URL writes it)', () => {
  const page = readFileSync(join(packageRoot(import.meta.url), 'docs/reference/api.md'), 'utf8');
  expect(page).toBe(apiReference(document));
});

it('every route that is not open says which permission it takes, and open ones are those we know', () => {
  expect(entries.length).toBeGreaterThan(60);
  const without = entries.filter(({ permission }) => permission === null).map(({ path }) => path);
  expect(without.filter((path) => !open.includes(path))).toEqual([]);
  for (const { permission } of entries) if (permission !== null) expect(Object.keys(permissions)).toContain(permission);
  // The carrier's routes are there, and only an operator has them, whether or not an account is configured.
  const carrier = entries.filter(({ path }) => path.startsWith('/v1/twilio/'));
  expect(carrier.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
    'DELETE /v1/twilio/numbers/{number}',
    'GET /v1/twilio/available-numbers',
    'GET /v1/twilio/numbers',
    'POST /v1/twilio/numbers',
    'POST /v1/twilio/verifications',
    'POST /v1/twilio/verifications/{number}',
    'PUT /v1/twilio/trunk',
  ]);
  for (const { permission } of carrier) expect(permissions[permission ?? 'sessions:read']).toEqual(['operator']);
});

it('every route refuses a credential that is missing, wrong, expired, of another organization or not enough', async () => {
  const call = await rig.call();
  const key = async (scopes: readonly string[]): Promise<string> => {
    const { body } = await rig.owner.gateway.api('/v1/api-keys', { method: 'POST', body: { name: 'k', scopes } });
    return (body as { key: string }).key;
  };
  const [auditor, reader] = [await key(['audit:read']), await key(['sessions:read'])];
  const foreign = await dashboard('admin', 'globex');
  const viewer = await dashboard('viewer', 'acme');
  const admin = await dashboard('admin', 'acme');
  const expired = await dashboard('admin', 'acme', 60, Date.now() - 3_600_000);
  const table: [string, string, number, readonly number[]][] = [];
  const undocumented: [string, string, number][] = [];
  for (const [at, entry] of entries.entries()) {
    const { permission, method, path } = entry;
    if (permission === null || path === '/metrics') continue;
    const name = `${method} ${path}`;
    const add = async (who: string, token: string | null, allowed: readonly number[], query = ''): Promise<void> => {
      const status = await send(entry, token, call.sessionId, `127.0.1.${at + 1}`, query);
      table.push([name, who, status, allowed]);
      if (!entry.documented.includes(status)) undocumented.push([name, who, status]);
    };
    await add('nobody', null, [401]);
    await add('a wrong one', 'nonsense', [401]);
    await add('an expired one', expired, [401]);
    await add('an ended session', `vgs_${randomUUID()}_${'x'.repeat(43)}`, [401]);
    const roles: readonly string[] = permissions[permission];
    if (!roles.includes('viewer')) await add('a viewer', viewer, [403]);
    if (!roles.includes('agent')) await add('an agent', call.token, [403]);
    if (permission !== 'audit:read') await add('an under-scoped key', auditor, [403]);
    else await add('an under-scoped key', reader, [403]);
    // What names something of the organization does not exist for another; what names nothing acts in its own.
    const names = /\{\w+\}/.test(path) && !path.startsWith('/v1/system') && !path.startsWith('/v1/keys');
    if (roles.includes('admin') && names && method !== 'PUT')
      await add('a foreign administrator', foreign, [400, 404, 409, 415]);
    if (roles.includes('admin') && entry.names)
      await add('an administrator who names another', admin, [400, 404, 415], '?organization=globex');
    if (!roles.includes('admin')) await add('an administrator', admin, [403]);
  }
  const wrong = table.filter(([, , status, allowed]) => !allowed.includes(status));
  expect(wrong).toEqual([]);
  expect(undocumented).toEqual([]);
  expect(table.length).toBeGreaterThan(400);
  // Nothing of all this did anything.
  const { body } = await rig.owner.gateway.api(`/v1/sessions/${call.sessionId}`);
  expect(body).toMatchObject({ status: 'active', attempts: 0 });
  expect((await rig.owner.gateway.api('/v1/agents/support')).status).toBe(200);
  call.phone.hangUp();
  await call.phone.done;
}, 60_000);

it.each([
  // Redis takes nothing to be before the first place of a stream, and no time before 1970.
  ['/v1/runs?cursor=0-0', 400],
  ['/v1/audit?cursor=0-0', 400],
  ['/v1/runs?to=1960-01-01T00:00:00Z', 200],
  ['/v1/runs/summary?from=1960-01-01T00:00:00Z&to=1961-01-01T00:00:00Z', 200],
] as const)(
  'GET %s, with which a generated client brought about an error of ours, is answered %s',
  async (path, status) => {
    expect(await rig.owner.gateway.api(path)).toMatchObject({ status });
  },
);
