import { randomUUID } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { startTestApi, type TestApi } from '../../test/support/api.js';
import { until } from '../../test/support/until.js';
import { systemClock } from '../core/clock.js';
import { errorCatalogue, GatewayError } from '../core/errors.js';
import { errorSchema } from './http/error-view.js';
import { openRoute } from './http/route.js';
import { listenHttp } from './listen.js';
import { contactSchema, sessionDetailSchema, sessionListSchema } from './schemas.js';

let api: TestApi;
let slow: () => void = () => {};
const more = [
  openRoute({
    method: 'post',
    path: '/test/voice-prefetch/{token}',
    summary: 'A path with a credential in it, and failures of every kind',
    tag: 'Test',
    params: z.strictObject({ token: z.string() }),
    body: { schema: z.strictObject({ fail: z.enum(['crash', 'slow', 'none']) }), maxBytes: 100 },
    replies: { 204: { description: 'Nothing.' } },
    errors: ['bad_request'],
    async handle({ body }) {
      if (body.fail === 'crash') throw new TypeError('canary-detail of a crash');
      if (body.fail === 'slow') await new Promise<void>((resolve) => (slow = resolve));
      return { status: 204 };
    },
  }),
];

beforeAll(async () => {
  api = await startTestApi({ more });
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.redis.command('FLUSHALL');
  api.directory.directory.forget();
  api.lines.length = 0;
});

const document = (id: string, number = '+14155550100') => ({
  organization: { id, name: id },
  numbers: [{ number, agent: 'support', profile: 'local', verified: true }],
  agents: [{ id: 'support', leg: { type: 'builtin', script: { steps: [] } } }],
  variables: { 'X-Api-Key': 'canary-variable' },
});

type Call = { method?: string; token?: string | null; body?: unknown; headers?: Record<string, string> };
const call = async (path: string, { method = 'GET', token = null, body, headers = {} }: Call = {}) => {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
  });
  const received = await response.text();
  const json = (): Record<string, unknown> => JSON.parse(received);
  return { status: response.status, headers: response.headers, text: received, json };
};
const code = async (path: string, options: Call = {}): Promise<string> => {
  const answer = await call(path, options);
  if (answer.status < 400) return String(answer.status);
  const view = errorSchema.parse(answer.json());
  expect(view.statusCode).toBe(answer.status);
  return `${answer.status} ${view.code}`;
};
const apply = async (id: string, number?: string): Promise<void> => {
  const path = `/v1/organizations/${id}/document`;
  expect(await code(path, { method: 'PUT', token: api.adminToken, body: document(id, number) })).toBe('200');
};

describe('credentials and organizations', () => {
  it('asks for a credential on every /v1 path and says how', async () => {
    const answer = await call('/v1/sessions');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.json()).toEqual({
      statusCode: 401,
      message: 'The request carries no credential: send `Authorization: Bearer …`.',
      error: 'Unauthorized',
      code: 'unauthorized',
    });
    expect(await code('/v1/sessions', { token: 'nonsense' })).toBe('401 unauthorized');
    expect(await code('/v1/sessions', { headers: { authorization: 'Basic abc' } })).toBe('401 unauthorized');
  });

  it('lets roles do what the table says, before it reads a body', async () => {
    await apply('acme');
    const path = '/v1/organizations/acme/document';
    const outcomes: Record<string, string[]> = {};
    for (const role of ['admin', 'editor', 'viewer'] as const) {
      const token = await api.token(role);
      outcomes[role] = [
        await code('/v1/sessions', { token }),
        await code(path, { token }),
        await code(path, { method: 'PUT', token, body: document('acme') }),
        await code('/v1/sessions/none/hangup', { method: 'POST', token }),
      ];
    }
    expect(outcomes).toEqual({
      admin: ['200', '200', '200', '404 not_found'],
      editor: ['200', '200', '403 forbidden', '404 not_found'],
      viewer: ['200', '200', '403 forbidden', '403 forbidden'],
    });
    const viewer = await api.token('viewer');
    expect(await code(path, { method: 'PUT', token: viewer, body: 'x'.repeat(5_000_000) })).toBe('403 forbidden');
  });

  it('answers for a foreign organization as for one that does not exist', async () => {
    await apply('acme');
    await apply('globex', '+14155550177');
    const owned = await api.session();
    const mine = await api.token('admin', 'acme');
    const theirs = await api.token('admin', 'globex');
    const paths = [`/v1/sessions/${owned.id}`, `/v1/sessions/${owned.id}/ladder`, `/v1/contacts/${owned.contact?.id}`];
    for (const path of paths) {
      expect(await code(path, { token: theirs })).toBe('404 not_found');
      const [foreign, missing] = [
        await call(path, { token: theirs }),
        await call(path.replace(/[0-9a-f]{8}-/, '00000000-'), { token: theirs }),
      ];
      expect(Object.keys(foreign.json())).toEqual(Object.keys(missing.json()));
    }
    expect(await code(`/v1/sessions/${owned.id}/hangup`, { method: 'POST', token: theirs })).toBe('404 not_found');
    expect(await code('/v1/organizations/acme/document', { token: theirs })).toBe('404 not_found');
    expect(
      await code('/v1/organizations/acme/document', { method: 'PUT', token: theirs, body: document('acme') }),
    ).toBe('404 not_found');
    expect(await code('/v1/sessions?organization=acme', { token: theirs })).toBe('404 not_found');
    expect((await call('/v1/sessions', { token: theirs })).json()).toEqual({ items: [], next: null });
    expect(await code(paths[0] ?? '', { token: mine })).toBe('200');
    expect(api.hangups).toEqual([]);
  });

  it('lets an operator name the organization, and leave it out while there is one', async () => {
    expect(await code('/v1/sessions', { token: api.adminToken })).toBe('400 bad_request');
    await apply('acme');
    await api.session();
    const alone = await call('/v1/sessions', { token: api.adminToken });
    expect(sessionListSchema.parse(alone.json()).items).toHaveLength(1);
    await apply('globex', '+14155550177');
    const answer = await call('/v1/sessions', { token: api.adminToken });
    expect([answer.status, answer.json().message]).toEqual([
      400,
      'There are 2 organizations: say which one with ?organization=.',
    ]);
    const named = await call('/v1/sessions?organization=acme', { token: api.adminToken });
    expect(sessionListSchema.parse(named.json()).items).toHaveLength(1);
  });
});

describe('the document', () => {
  it('is applied, read back without credentials, as JSON and YAML, and not changed by a dry run', async () => {
    const path = '/v1/organizations/acme/document';
    const token = api.adminToken;
    const dry = await call(`${path}?dryRun=1`, { method: 'PUT', token, body: document('acme') });
    expect(dry.json()).toMatchObject({ dryRun: true, organization: 'acme' });
    expect(await code(path, { token })).toBe('404 not_found');
    const applied = await call(path, { method: 'PUT', token, body: document('acme') });
    expect(applied.json().created).toEqual([
      { kind: 'organization', id: 'acme' },
      { kind: 'number', id: '+14155550100' },
      { kind: 'agent', id: 'support' },
      { kind: 'variable', id: 'X-Api-Key' },
    ]);
    const [asJson, asYaml] = [
      await call(path, { token }),
      await call(path, { token, headers: { accept: 'application/yaml' } }),
    ];
    expect(asYaml.headers.get('content-type')).toContain('application/yaml');
    expect(parseYaml(asYaml.text)).toEqual(asJson.json());
    expect(asJson.text).not.toContain('canary');
    expect(asJson.json().variables).toEqual({ 'X-Api-Key': '${' + 'X_API_KEY}' });
    const again = await call(`${path}?prune=true`, { method: 'PUT', token, body: document('acme') });
    expect(again.json()).toMatchObject({ created: [], changed: [], removed: [] });
    expect(api.lines.join('')).not.toContain('canary');
  });

  it('may be YAML, and names every fault of a bad one with its path', async () => {
    const path = '/v1/organizations/acme/document';
    const yaml =
      'organization: { id: acme }\nnumbers:\n  - { number: "+14155550100", agent: nobody, profile: local }\nagents: []\ncolour: red\n';
    const headers = { 'content-type': 'application/yaml' };
    const refused = await call(path, { method: 'PUT', token: api.adminToken, body: yaml, headers });
    expect(refused.json()).toEqual({
      statusCode: 400,
      message: 'The document has a fault; nothing was changed.',
      error: 'Bad Request',
      code: 'bad_request',
      details: [{ path: 'colour', message: 'is not a known field' }],
    });
    const ok = await call(path, { method: 'PUT', token: api.adminToken, body: 'organization: { id: acme }', headers });
    expect(ok.status).toBe(200);
  });

  it('answers 409 for a number of another organization', async () => {
    await apply('acme');
    const token = api.adminToken;
    const answer = await call('/v1/organizations/globex/document', { method: 'PUT', token, body: document('globex') });
    expect(answer.json()).toMatchObject({
      statusCode: 409,
      code: 'conflict',
      details: [{ path: 'numbers[0].number', message: '+14155550100 belongs to another organization' }],
    });
  });
});

describe('bodies', () => {
  const path = '/v1/organizations/acme/document';
  const put = (body: string | undefined, contentType?: string) =>
    call(path, {
      method: 'PUT',
      token: api.adminToken,
      body,
      headers: contentType === undefined ? {} : { 'content-type': contentType },
    });

  it('names the place where JSON or YAML stops being readable, never what stands there', async () => {
    const json = await put('{\n  "organization": {\n    "token": canary-secret\n  }\n}');
    expect(json.json().message).toBe('The body is not JSON: it cannot be read at line 3, column 14.');
    const yaml = await put('organization:\n  id: [canary-secret\n', 'application/yaml');
    expect(String(yaml.json().message)).toMatch(
      /^The body is not YAML that can be read at line \d+, column \d+ \(\w+\)\.$/,
    );
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    expect((await put(bomb, 'application/yaml')).status).toBe(400);
    expect(JSON.stringify([json.text, yaml.text, api.lines])).not.toContain('canary');
  });

  it('refuses other types, larger bodies and prototypes', async () => {
    expect((await put('organization=acme', 'application/x-www-form-urlencoded')).json().code).toBe(
      'unsupported_media_type',
    );
    expect((await put(' '.repeat(4_200_000))).json().code).toBe('payload_too_large');
    expect((await put('{"__proto__":{"x":1}}')).json()).toMatchObject({
      code: 'bad_request',
      details: [{ path: '__proto__' }],
    });
    expect((await put(undefined)).json().code).toBe('bad_request');
    expect(await code('/test/voice-prefetch/t', { method: 'POST', body: { fail: 'none', pad: 'x'.repeat(200) } })).toBe(
      '413 payload_too_large',
    );
    expect(await code('/test/voice-prefetch/t', { method: 'POST', body: { fail: 'maybe' } })).toBe('400 bad_request');
  });
});

describe('sessions', () => {
  it('are listed and shown in the shape of the contract', async () => {
    await apply('acme');
    const owned = await api.session({
      caller: { e164: null, raw: 'anonymous', display: null, withheld: true },
      linkContact: false,
    });
    await owned.change({
      status: 'active',
      answeredAt: owned.snapshot.startedAt + 40,
      timeline: [{ at: owned.snapshot.startedAt + 40, type: 'call.answered', data: { codec: 'PCMU' } }],
    });
    await owned.change({ status: 'ended', endedAt: owned.snapshot.startedAt + 900, endReason: 'caller-hangup' });
    const token = await api.token('viewer');
    const detail = sessionDetailSchema.parse((await call(`/v1/sessions/${owned.id}`, { token })).json());
    expect(detail).toEqual({
      id: owned.id,
      orgId: 'acme',
      direction: 'inbound',
      ticketNumber: 1,
      agentId: 'support',
      status: 'ended',
      caller: { e164: null, raw: 'anonymous', display: null, withheld: true },
      called: '+14155550100',
      contactId: null,
      zendeskTicketId: null,
      startedAt: new Date(owned.snapshot.startedAt).toISOString(),
      answeredAt: new Date(owned.snapshot.startedAt + 40).toISOString(),
      endedAt: new Date(owned.snapshot.startedAt + 900).toISOString(),
      endReason: 'caller-hangup',
      transfer: null,
      attempts: 0,
      recordings: [],
      timeline: [
        { at: expect.stringMatching(/Z$/), type: 'call.received', data: {} },
        { at: new Date(owned.snapshot.startedAt + 40).toISOString(), type: 'call.answered', data: { codec: 'PCMU' } },
      ],
    });
    const list = sessionListSchema.parse((await call('/v1/sessions', { token })).json());
    const { timeline: _, recordings: _recordings, ...item } = detail;
    expect(list).toEqual({ items: [item], next: null });
  });

  it('come page by page, each once, and by live, caller, reason and time', async () => {
    await apply('acme');
    const started = Date.now() - 100_000;
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      const e164 = `+1415555012${i % 2}`;
      const owned = await api.session({
        startedAt: started + i * 1_000,
        caller: { e164, raw: e164, display: null, withheld: false },
      });
      if (i < 3)
        await owned.change({
          status: 'ended',
          endedAt: started + i * 1_000 + 1,
          endReason: i === 0 ? 'cancelled' : 'agent-hangup',
        });
      ids.push(owned.id);
    }
    const token = await api.token('viewer');
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 10; pages += 1) {
      const page = sessionListSchema.parse((await call(`/v1/sessions?limit=3${cursor}`, { token })).json());
      seen.push(...page.items.map((item) => item.id));
      if (page.next === null) break;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
    expect(seen).toEqual([...ids].reverse());
    const count = async (query: string): Promise<number> =>
      sessionListSchema.parse((await call(`/v1/sessions?${query}`, { token })).json()).items.length;
    expect(await count('live=true')).toBe(4);
    expect(await count('live=false')).toBe(3);
    expect(await count('endReason=cancelled')).toBe(1);
    expect(await count('caller=%2B14155550120')).toBe(4);
    expect(await count('caller=+14155550121')).toBe(3);
    expect(await count(`from=${started + 5_000}`)).toBe(2);
    expect(await count(`to=${new Date(started + 1_500).toISOString()}`)).toBe(2);
    for (const query of [
      'limit=0',
      'limit=501',
      'limit=x',
      'live=maybe',
      'from=yesterday',
      'endReason=bored',
      'colour=red',
      'cursor=%00nonsense',
    ]) {
      expect([query, await code(`/v1/sessions?${query}`, { token })]).toEqual([query, '400 bad_request']);
    }
  });

  it('are hung up once, by those who may', async () => {
    await apply('acme');
    const owned = await api.session();
    const token = await api.token('editor');
    const answer = await call(`/v1/sessions/${owned.id}/hangup`, { method: 'POST', token });
    expect([answer.status, answer.json()]).toEqual([202, { id: owned.id, status: 'ringing' }]);
    expect(api.hangups).toContain(owned.id);
    await owned.change({ status: 'ended', endedAt: Date.now(), endReason: 'api-hangup' });
    expect(await code(`/v1/sessions/${owned.id}/hangup`, { method: 'POST', token })).toBe('409 session_ended');
    const other = await api.session({ orgId: 'initech' });
    expect(await code(`/v1/sessions/${other.id}/hangup`, { method: 'POST', token: api.adminToken })).toBe('202');
  });

  it('show their ladder as JSON and as text', async () => {
    await apply('acme');
    const owned = await api.session();
    const token = await api.token('viewer');
    const path = `/v1/sessions/${owned.id}/ladder`;
    expect(await code(path, { token })).toBe('404 not_found');
    api.ladders.set(owned.id, { json: { messages: [{ method: 'INVITE' }] }, text: 'caller -> gateway INVITE\n' });
    expect((await call(path, { token })).json()).toEqual({ messages: [{ method: 'INVITE' }] });
    const text = await call(`${path}?format=text`, { token });
    expect([text.text, text.headers.get('content-type')]).toEqual([
      'caller -> gateway INVITE\n',
      'text/plain; charset=utf-8',
    ]);
    expect(await code(`${path}?format=pdf`, { token })).toBe('400 bad_request');
  });

  it('lead to a contact', async () => {
    await apply('acme');
    const owned = await api.session();
    const token = await api.token('viewer');
    const contact = contactSchema.parse((await call(`/v1/contacts/${owned.contact?.id}`, { token })).json());
    expect(contact).toMatchObject({ id: owned.contact?.id, phone: '+14155550123', custom_data: {} });
  });
});

describe('the listener', () => {
  it('answers only to its own names, and to no page of another origin', async () => {
    const status = (headers: Record<string, string>, path = '/v1/sessions'): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = httpRequest(`${api.url}${path}`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        sent.on('error', reject).end();
      });
    expect(await status({ host: 'attacker.example' })).toBe(421);
    expect(await status({ host: 'localhost.attacker.example:80' })).toBe(421);
    expect(await status({ host: 'user@127.0.0.1' })).toBe(421);
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:8080', '10.1.2.3']) expect(await status({ host })).toBe(401);
    expect(await status({ host: 'attacker.example' }, '/livez')).toBe(200);
    expect(await status({ origin: 'https://attacker.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    expect(await status({ origin: api.url })).toBe(401);
    expect(await status({ host: 'attacker.example' }, '/metrics')).toBe(421);
  });

  it('has one form for every failure: unknown paths, methods, escapes, bytes that are not HTTP', async () => {
    expect(await code('/nowhere')).toBe('404 not_found');
    expect(await code('/v1/sessions/%E0%A4%A', { token: api.adminToken })).toBe('400 bad_request');
    const wrong = await call('/v1/sessions', { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const raw = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(api.listener.port, '127.0.0.1', () => socket.write('INVITE sip:x SIP/2.0\r\n\r\n'));
      socket.on('data', (data) => (text += data.toString()));
      socket.on('close', () => resolve(text));
    });
    expect(raw).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(raw.split('\r\n\r\n')[1] ?? '')).toMatchObject({ statusCode: 400, code: 'bad_request' });
  });

  it('gives each request an id, keeps one that was sent, and refuses to log an odd one', async () => {
    const given = await call('/livez', { headers: { 'x-request-id': 'trace-1' } });
    expect(given.headers.get('x-request-id')).toBe('trace-1');
    const odd = await call('/livez', { headers: { 'x-request-id': 'a b"c' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('tells nobody of a crash but the log, under the same request id', async () => {
    const answer = await call('/test/voice-prefetch/secret-path-token', { method: 'POST', body: { fail: 'crash' } });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toMatch(/canary|TypeError|\.ts|at /);
    const id = answer.headers.get('x-request-id') ?? 'none';
    await until('the access log line', () => api.lines.some((line) => line.includes('HTTP request answered')));
    const line = api.lines.find((text) => text.includes(id) && text.includes('An HTTP request failed.'));
    expect(line).toContain('canary-detail of a crash');
    expect(api.lines.join('')).not.toContain('secret-path-token');
  });

  it('puts neither credential nor query into the access log', async () => {
    const token = await api.token('admin');
    await apply('acme');
    await call('/v1/sessions?caller=%2B14155550199', { token });
    await until('the access log line', () => api.lines.some((line) => line.includes('"route":"/v1/sessions"')));
    const text = api.lines.join('');
    expect(text).not.toContain(token);
    expect(text).not.toContain(api.adminToken);
    expect(text).not.toContain('14155550199');
    expect(text).toContain('"by":"admin@acme"');
  });

  it('shows health and metrics', async () => {
    expect((await call('/livez')).json()).toEqual({ live: true });
    expect((await call('/readyz')).json()).toEqual({
      ready: true,
      version: '0.0.0-test',
      config: '0'.repeat(12),
      checks: [{ name: 'redis', ok: true }],
    });
    const metrics = await call('/metrics');
    expect(metrics.text).toContain('voice_gateway_http_request_duration_seconds_count{method="GET",group="2xx"}');
    expect(await code('/metrics', { token: await api.token('admin') })).toBe('403 forbidden');
    expect(await code('/metrics', { token: api.adminToken })).toBe('200');
  });

  it('is not ready, and says store_unavailable, while Redis is away', async () => {
    await apply('acme');
    const token = await api.token('viewer');
    await api.server.kill();
    await until('the loss to be seen', () => !api.redis.isUp());
    try {
      expect((await call('/readyz')).status).toBe(503);
      const answer = await call('/v1/sessions', { token });
      expect([answer.status, answer.json().code, answer.headers.get('retry-after')]).toEqual([
        503,
        'store_unavailable',
        '1',
      ]);
      expect((await call('/livez')).status).toBe(200);
    } finally {
      await api.server.start();
    }
    await until('Redis to be back', () => api.redis.isUp());
    expect((await call('/readyz')).status).toBe(200);
  });

  it('wants an address nobody else has, and says so in one sentence', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const failure = await listenHttp(() => {}, { host: '127.0.0.1', port, clock: systemClock }).catch(
      (error: unknown) => error,
    );
    await new Promise((resolve) => taken.close(resolve));
    expect(failure).toBeInstanceOf(GatewayError);
    expect(String(failure)).toContain(`HTTP cannot listen on 127.0.0.1:${port} (HTTP_LISTEN): another program`);
  });
});

describe('limits and closing', () => {
  it('limits each credential for itself and says when to come again', async () => {
    const limited = await startTestApi({
      rateLimit: { perSecond: 0.001, burst: 3 },
      agentRateLimit: { perSecond: 0.001, burst: 2 },
      httpLoopback: false,
    });
    try {
      const get = async (token: string, headers: Record<string, string> = {}): Promise<Response> => {
        const response = await fetch(`${limited.url}/v1/sessions`, {
          headers: { authorization: `Bearer ${token}`, ...headers },
        });
        await response.text();
        return response;
      };
      const [viewer, admin] = [await limited.token('viewer'), await limited.token('admin')];
      const statuses = [await get(viewer), await get(viewer), await get(viewer), await get(viewer)].map(
        (r) => r.status,
      );
      expect(statuses).toEqual([200, 200, 200, 429]);
      expect(Number((await get(viewer)).headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await get(admin)).status).toBe(200);
      // An agent is held back by its token before anybody looks whether the token is good.
      const agent = `vgs_${randomUUID()}_${'x'.repeat(43)}`;
      expect([await get(agent), await get(agent), await get(agent)].map((r) => r.status)).toEqual([401, 401, 429]);
      expect((await fetch(`${limited.url}/metrics`)).status).toBe(401);
      // Nobody here is trusted to say whom a request comes from.
      const wrong = await Promise.all(
        Array.from({ length: 100 }, (_, at) => get('guess', { 'x-forwarded-for': `203.0.113.${at}` })),
      );
      expect(new Set(wrong.map((r) => r.status))).toEqual(new Set([401, 429]));
    } finally {
      await limited.close();
    }
  });

  it('counts, logs and audits whom a trusted proxy names, not the proxy, and not what the client wrote itself', async () => {
    const proxied = await startTestApi({
      trustsProxy: (address) => ['127.0.0.1', '10.0.0.1'].includes(address),
      allowedHosts: ['gateway.voice.svc'],
    });
    try {
      const ask = async (from: string, token: string, init: RequestInit = {}): Promise<Response> => {
        const response = await fetch(`${proxied.url}/v1/organizations/acme/document`, {
          ...init,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-forwarded-for': from },
        });
        return response;
      };
      const applied = await ask('198.51.100.66, 203.0.113.9:4711, 10.0.0.1', proxied.adminToken, {
        ...{ method: 'PUT', body: JSON.stringify(document('acme')) },
      });
      expect(applied.status).toBe(200);
      const audit = await fetch(`${proxied.url}/v1/audit?organization=acme`, {
        headers: { authorization: `Bearer ${proxied.adminToken}` },
      });
      expect(await audit.json()).toMatchObject({ items: [{ remote: '203.0.113.9' }] });
      const logged = (remote: string): boolean => proxied.lines.some((line) => line.includes(`"remote":"${remote}"`));
      await until('the access log line', () => logged('203.0.113.9'), 30_000);
      expect(proxied.lines.join('')).not.toContain('198.51.100.66');
      const guesses = await Promise.all(
        Array.from({ length: 100 }, (_, at) => ask(`198.51.100.${at}, 203.0.113.9`, 'guess')),
      );
      expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([401, 429]));
      expect((await ask('203.0.113.10', 'guess')).status).toBe(401);
      // What is no address is not taken for one.
      expect((await ask('somebody', 'guess')).status).toBe(401);
      await until('the access log line', () => logged('127.0.0.1'), 30_000);
      const host = await new Promise<number>((resolve, reject) => {
        const named = { headers: { host: 'Gateway.voice.svc:80' } };
        httpRequest(`${proxied.url}/openapi.json`, named, (response) => resolve(response.resume().statusCode ?? 0))
          .on('error', reject)
          .end();
      });
      expect(host).toBe(200);
    } finally {
      await proxied.close();
    }
  });

  it('lets a request in progress end when it closes, and takes no new one', async () => {
    const closing = await startTestApi({ more });
    const running = fetch(`${closing.url}/test/voice-prefetch/t`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fail: 'slow' }),
    });
    const before = slow;
    await until('the request to be in progress', () => slow !== before);
    const closed = closing.listener.close(10_000);
    await expect(fetch(`${closing.url}/livez`)).rejects.toThrow();
    slow();
    expect((await running).status).toBe(204);
    await closed;
    await closing.close();
  });

  it('cuts a request that does not end by the deadline', async () => {
    const closing = await startTestApi({ more });
    const before = slow;
    const running = fetch(`${closing.url}/test/voice-prefetch/t`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fail: 'slow' }),
    }).catch(() => 'cut');
    await until('the request to be in progress', () => slow !== before);
    await closing.listener.close(20);
    expect(await running).toBe('cut');
    await closing.close();
  });
});

describe('the OpenAPI document', () => {
  type Operation = {
    responses: Record<string, unknown>;
    parameters: { name: string; in: string }[];
    requestBody?: unknown;
  };
  const fetchDocument = async () => {
    const { paths, ...rest } = (await call('/openapi.json')).json() as {
      paths: Record<string, Record<string, Operation>>;
    } & Record<string, unknown>;
    return { paths, rest };
  };

  it('lists every route that answers, and every route it lists answers', async () => {
    const { paths, rest } = await fetchDocument();
    expect(rest.openapi).toBe('3.1.0');
    const listed = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(listed.sort()).toEqual(
      [
        'get /livez',
        'get /metrics',
        'get /openapi.json',
        'get /readyz',
        'get /v1/audit',
        'get /v1/organizations',
        'get /v1/organizations/{id}/document',
        'get /v1/sessions',
        'get /v1/sessions/{id}',
        'get /v1/sessions/{id}/ladder',
        'get /v1/sessions/{id}/tools',
        'get /v1/system/audit',
        'post /test/voice-prefetch/{token}',
        'post /v1/sessions/{id}/dtmf',
        'post /v1/sessions/{id}/hangup',
        'post /v1/sessions/{id}/recording',
        'post /v1/sessions/{id}/tools/{name}',
        'put /v1/organizations/{id}/document',
        ...['agents', 'contacts', 'numbers', 'transfer-destinations'].flatMap((kind) => [
          ...['get', 'post'].map((method) => `${method} /v1/${kind}`),
          ...['get', 'put', 'delete'].map((method) => `${method} /v1/${kind}/{id}`),
        ]),
        'post /phone/sip/transfer-destinations',
        'put /phone/sip/transfer-destinations/{destination_id}',
        'post /phone/sip/agents/{phone_agent_id}/transfer-destinations',
      ].sort(),
    );
    for (const entry of listed) {
      const [method = '', path = ''] = entry.split(' ');
      const answer = await call(path.replace(/\{\w+\}/g, 'x'), {
        method: method.toUpperCase(),
        ...(method === 'get' ? {} : { body: {} }),
      });
      expect([entry, answer.status === 404 ? answer.json().message : 'known']).not.toEqual([
        entry,
        expect.stringContaining('There is no such path'),
      ]);
      expect(answer.status).not.toBe(405);
    }
  });

  it('names only codes of the catalogue, declares path parameters, and refers to nothing that is not there', async () => {
    const { paths, rest } = await fetchDocument();
    const text = JSON.stringify({ paths, rest });
    for (const [, reference] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = (reference ?? '')
        .split('/')
        .reduce<unknown>(
          (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
          { ...rest, paths },
        );
      expect([reference, found === undefined]).toEqual([reference, false]);
    }
    for (const [, name] of text.matchAll(/`([a-z]+(?:_[a-z]+)*)`: /g))
      expect(Object.keys(errorCatalogue)).toContain(name);
    for (const [path, methods] of Object.entries(paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      for (const operation of Object.values(methods)) {
        expect(operation.parameters.filter((p) => p.in === 'path').map((p) => p.name)).toEqual(inPath);
      }
    }
    const list = paths['/v1/sessions']?.get;
    expect(list?.parameters.map((p) => p.name)).toEqual([
      'organization',
      'live',
      'caller',
      'ticket',
      'endReason',
      'outcome',
      'from',
      'to',
      'limit',
      'cursor',
    ]);
    expect(Object.keys(list?.responses ?? {}).sort()).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '421',
      '429',
      '431',
      '500',
      '503',
    ]);
  });
});
