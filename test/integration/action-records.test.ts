import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../src/core/x509.js';
import { type ActionGateway, startActionGateway } from '../support/action-gateway.js';

let rig: ActionGateway;
let call: ActionGateway['call'];

type Items<T> = { readonly items: readonly T[]; readonly next: string | null };
type Problem = { readonly code: string; readonly message: string; readonly details?: readonly { path: string }[] };

const lookup = (more: Record<string, unknown> = {}) => ({
  name: 'Look up',
  method: 'GET',
  url: `${rig.shop.origin}/things/{id}`,
  parameters: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
  ...more,
});

beforeAll(async () => {
  rig = await startActionGateway();
  call = rig.call;
});
afterAll(() => rig.close());
beforeEach(async () => {
  rig.shop.requests.length = 0;
  rig.shop.respond = (_request, response) => void response.setHeader('content-type', 'application/json').end('{"a":1}');
  const document = {
    organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
    agents: [{ id: 'support', leg: { type: 'builtin', script: { steps: [] } }, actions: ['used'] }],
    actions: [{ ...lookup(), name: 'Used' }],
  };
  const applied = await rig.gateway.api('/v1/organizations/acme/document?prune=true', {
    method: 'PUT',
    body: document,
  });
  expect(applied.status).toBe(200);
});

describe('actions', () => {
  it('are made, read, replaced, listed and removed, and keep their slug', async () => {
    const made = await call('POST', '/v1/actions', lookup());
    expect(made).toMatchObject({ status: 201, body: { id: 'look_up', inputs: ['id'], warnings: [], fault: null } });
    expect((await call<Problem>('POST', '/v1/actions', lookup())).body.code).toBe('conflict');
    const replaced = await call('PUT', '/v1/actions/look_up', lookup({ name: 'Find', description: 'Finds a thing' }));
    expect(replaced).toMatchObject({
      status: 200,
      body: { id: 'look_up', name: 'Find', description: 'Finds a thing' },
    });
    const renamed = await call<Problem>('PUT', '/v1/actions/look_up', lookup({ slug: 'other' }));
    expect([renamed.status, renamed.body.details?.[0]?.path]).toEqual([400, 'slug']);
    const { body } = await call<Items<{ id: string }>>('GET', '/v1/actions');
    expect(body.items.map((action) => action.id)).toEqual(['look_up', 'used']);
    expect((await call('DELETE', '/v1/actions/look_up')).status).toBe(204);
    expect((await call('GET', '/v1/actions/look_up')).status).toBe(404);
    expect((await call('PUT', '/v1/actions/look_up', lookup())).status).toBe(404);
  });

  it('a fault is refused with the path of its field, here and in the document', async () => {
    const bad = lookup({ url: 'http://shop.example.com/', headers: { 'X-A': '{a | nofilter}' } });
    const refused = await call<Problem>('POST', '/v1/actions', bad);
    expect(refused.status).toBe(400);
    expect(refused.body.details?.map((fault) => fault.path).sort()).toEqual(['headers.X-A', 'url']);
    const document = { organization: { id: 'acme' }, actions: [bad] };
    const applied = await call<Problem>('PUT', '/v1/organizations/acme/document', document);
    expect(applied.body.details?.map((fault) => fault.path).sort()).toEqual([
      'actions[0].headers.X-A',
      'actions[0].url',
    ]);
  });

  it('one that an agent has as a tool is not removed', async () => {
    const refused = await call<Problem>('DELETE', '/v1/actions/used');
    expect([refused.status, refused.body.message]).toEqual([409, 'The action is a tool of the agent "support".']);
  });

  it('a credential written into a definition is shown as bullets, and bullets keep it', async () => {
    await call('POST', '/v1/actions', lookup({ headers: { 'X-Api-Key': 'written-in-place' } }));
    const { body } = await call<{ definition: Record<string, unknown> }>('GET', '/v1/actions/look_up');
    expect(JSON.stringify(body)).not.toContain('written-in-place');
    expect(body.definition.headers).toEqual({ 'X-Api-Key': '••••••••' });
    const saved = await call('PUT', '/v1/actions/look_up', { ...body.definition, description: 'new' });
    expect(saved.status).toBe(200);
    await call('POST', '/v1/actions/look_up/execute', { attributes: { id: '1' } });
    expect(rig.shop.requests[0]?.headers['x-api-key']).toBe('written-in-place');
    const unknown = await call<Problem>('POST', '/v1/actions', { ...body.definition, name: 'Copy' });
    expect([unknown.status, unknown.body.details?.[0]?.path]).toEqual([400, 'headers.X-Api-Key']);
  });

  it('a test of a saved or unsaved action shows what was sent, masked, and each step of the time', async () => {
    await call('PUT', '/v1/secrets/s', { value: 'the-secret-value' });
    const definition = lookup({ auth: { type: 'header', headers: { 'X-Sig': '{secret.s}' } } });
    const unsaved = await call('POST', '/v1/actions/test', { definition, attributes: { id: '7' } });
    expect(unsaved).toMatchObject({
      status: 200,
      body: {
        success: true,
        statusCode: 200,
        inputs: ['id'],
        request: { url: `${rig.shop.origin}/things/7` },
        response: { body: '{"a":1}' },
      },
    });
    expect(JSON.stringify(unsaved)).not.toContain('the-secret-value');
    const timing = unsaved.body.timing as Record<string, number>;
    expect(Object.keys(timing).sort()).toEqual(['connect', 'dns', 'firstByte', 'tls', 'total']);
    expect(rig.shop.requests[0]?.headers).toMatchObject({
      'x-sig': 'the-secret-value',
      'x-opencx-session-id': '00000000-0000-4000-8000-000000000000',
    });
    expect((await call('POST', '/v1/actions/used/test', { attributes: { id: '8' } })).body).toMatchObject({
      success: true,
      request: { url: `${rig.shop.origin}/things/8` },
    });
    const bad = await call<Problem>('POST', '/v1/actions/test', { definition: { name: 'x' } });
    expect([bad.status, bad.body.details?.map((fault) => fault.path)]).toEqual([400, ['method', 'url']]);
  });

  it('come from an OpenAPI document, in JSON or YAML, and are updated by the next import', async () => {
    const openapi = (summary: string) => ({
      openapi: '3.1.0',
      info: { title: 'Things', version: '1' },
      servers: [{ url: rig.shop.origin }],
      paths: {
        '/things/{id}': {
          get: {
            operationId: 'getThing',
            summary,
            parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          },
        },
        '/upload': { post: { requestBody: { required: true, content: { 'text/csv': {} } } } },
      },
    });
    const imported = await call('POST', '/v1/actions/import', openapi('A thing'));
    expect(imported).toEqual({
      status: 200,
      body: {
        ...{ created: ['get_thing'], changed: [], unchanged: [], notes: [] },
        skipped: [{ path: 'POST /upload', message: 'its body is not JSON' }],
      },
    });
    const run = await call('POST', '/v1/actions/get_thing/execute', { attributes: { id: '5' } });
    expect([run.body.success, rig.shop.requests[0]?.url]).toEqual([true, '/things/5']);
    expect((await call('POST', '/v1/actions/import', openapi('A thing'))).body.unchanged).toEqual(['get_thing']);
    // JSON is YAML too; what counts is that the body is read as the type it says.
    const yaml = await rig.gateway.api('/v1/actions/import', {
      method: 'POST',
      headers: { 'content-type': 'application/yaml' },
      body: openapi('One thing'),
    });
    expect(yaml.body).toMatchObject({ changed: ['get_thing'] });
    const bad = await call<Problem>('POST', '/v1/actions/import', { swagger: '2.0' });
    expect([bad.status, bad.body.details?.[0]?.path]).toEqual([400, 'openapi']);
  });

  it('a legacy webhook action runs and becomes a webhook action in one step', async () => {
    rig.shop.respond = (_request, response) =>
      void response.end('{"successful":true,"output_data":{"attributes":{"state":"done"}}}');
    const legacy = {
      kind: 'legacy-webhook',
      name: 'Old',
      url: `${rig.shop.origin}/`,
      inputs: ['id'],
      outputs: ['state'],
    };
    await call('POST', '/v1/actions', legacy);
    const before = await call('POST', '/v1/actions/old/execute', { attributes: { id: '1' } });
    const converted = await call('POST', '/v1/actions/old/convert');
    expect(converted).toMatchObject({ status: 200, body: { id: 'old', kind: 'webhook', method: 'POST' } });
    const after = await call('POST', '/v1/actions/old/execute', { attributes: { id: '1' } });
    expect(before.body).toMatchObject({ success: true, outputs: { state: 'done' } });
    expect(after.body).toMatchObject({ success: true, outputs: { state: 'done' } });
    expect(rig.shop.requests[1]?.body).toBe(rig.shop.requests[0]?.body);
    expect((await call('POST', '/v1/actions/old/convert')).status).toBe(409);
  });
});

describe('variables, secrets, globals and certificates', () => {
  it('values of variables and secrets go in and never come out; the next call uses them', async () => {
    expect(await call('PUT', '/v1/variables/X-Tenant', { value: 'first-tenant' })).toEqual({
      status: 200,
      body: { name: 'X-Tenant', warnings: [] },
    });
    const run = () => call('POST', '/v1/actions/used/execute', { attributes: { id: '1' } });
    await run();
    await call('PUT', '/v1/variables/X-Tenant', { value: 'second-tenant' });
    await run();
    expect(rig.shop.requests.map((request) => request.headers['x-tenant'])).toEqual(['first-tenant', 'second-tenant']);
    await call('PUT', '/v1/secrets/s', { value: 'the-secret-value' });
    const listed = await Promise.all(
      ['/v1/variables', '/v1/secrets', '/v1/organizations/acme/document'].map((path) => call('GET', path)),
    );
    expect(listed[0]?.body).toEqual({ items: [{ name: 'X-Tenant', warnings: [] }], next: null });
    expect(listed[1]?.body).toEqual({ items: [{ name: 's', usedBy: [] }], next: null });
    expect(JSON.stringify(listed)).not.toMatch(/first-tenant|second-tenant|the-secret-value/);
    expect((await call('DELETE', '/v1/variables/X-Tenant')).status).toBe(204);
    expect((await call('DELETE', '/v1/variables/X-Tenant')).status).toBe(404);
  });

  it('a variable that would never be sent is saved with a warning, one that cannot be a header is refused', async () => {
    const reserved = await call<{ warnings: string[] }>('PUT', '/v1/variables/User-Agent', { value: 'mine' });
    expect(reserved.body.warnings).toHaveLength(1);
    const broken = await call<Problem>('PUT', '/v1/variables/X-A', { value: 'a\r\nX-Evil: 1' });
    expect([broken.status, broken.body.details?.length]).toEqual([400, 1]);
    expect(JSON.stringify(broken.body)).not.toContain('X-Evil');
  });

  it('a secret in use is not removed', async () => {
    await call('PUT', '/v1/secrets/s', { value: 'the-secret-value' });
    const made = await call('POST', '/v1/actions', lookup({ auth: { type: 'header', headers: { A: '{secret.s}' } } }));
    expect(made.body).toMatchObject({ warnings: [], tool: { name: 'look_up', readOnly: true } });
    const other = { name: 'Other', auth: { type: 'header', headers: { A: '{secret.nobody}' } } };
    expect((await call<{ warnings: string[] }>('POST', '/v1/actions', lookup(other))).body.warnings).toEqual([
      'There is no secret or certificate "nobody"; the action fails without it.',
    ]);
    const refused = await call<Problem>('DELETE', '/v1/secrets/s');
    expect([refused.status, refused.body.message]).toEqual([409, 'The secret "s" is used by the action "look_up".']);
    await call('DELETE', '/v1/actions/look_up');
    expect((await call('DELETE', '/v1/secrets/s')).status).toBe(204);
  });

  it('globals are set, read and removed', async () => {
    await call('PUT', '/v1/globals/region', { value: 'eu' });
    await call('POST', '/v1/actions', lookup({ url: `${rig.shop.origin}/{global.region}`, parameters: undefined }));
    await call('POST', '/v1/actions/look_up/execute', {});
    expect(rig.shop.requests[0]?.url).toBe('/eu');
    expect((await call('GET', '/v1/globals')).body).toEqual({ items: [{ name: 'region', value: 'eu' }], next: null });
    expect((await call('DELETE', '/v1/globals/region')).status).toBe(204);
    expect((await call('DELETE', '/v1/globals/region')).status).toBe(404);
  });

  it('a certificate is uploaded, shown without its key, presented to the target, and kept while it is used', async () => {
    const authority = createCertificateAuthority('Client authority');
    const notAfter = new Date(Date.now() + 10 * 86_400_000);
    const issued = authority.issue({ name: 'client', notAfter });
    const uploaded = await call('PUT', '/v1/certificates/bank', {
      certificate: issued.certificate,
      key: issued.privateKey,
    });
    expect(uploaded).toMatchObject({ status: 200, body: { name: 'bank', subject: 'CN=client', usedBy: [] } });
    expect(uploaded.body.warnings).toHaveLength(1);
    const auth = {
      type: 'mtls',
      certificate: '{secret.bank}',
      caCertificate: Buffer.from(rig.shop.authority).toString('base64'),
    };
    await call('POST', '/v1/actions', lookup({ auth }));
    const run = await call('POST', '/v1/actions/look_up/execute', { attributes: { id: '1' } });
    expect(run.body).toMatchObject({ success: true });
    expect((await call('DELETE', '/v1/certificates/bank')).status).toBe(409);
    const listed = await call('GET', '/v1/certificates');
    expect(listed.body).toMatchObject({ items: [{ name: 'bank', usedBy: ['look_up'] }] });
    expect(JSON.stringify([uploaded, listed])).not.toContain('PRIVATE KEY');
    await call('DELETE', '/v1/actions/look_up');
    expect((await call('DELETE', '/v1/certificates/bank')).status).toBe(204);
    const stranger = createCertificateAuthority('Other').issue({ name: 'other' });
    const mismatch = await call<Problem>('PUT', '/v1/certificates/bank', {
      certificate: issued.certificate,
      key: stranger.privateKey,
    });
    expect([mismatch.status, mismatch.body.message, mismatch.body.details?.[0]?.path]).toEqual([
      400,
      'This cannot be saved: key: the private key does not belong to the certificate.',
      'key',
    ]);
  });
});

it('the OpenAPI document has every route of the executor, and no reference in it leads nowhere', async () => {
  const { body } = await call<{ paths: Record<string, object> }>('GET', '/openapi.json');
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining([
      '/v1/actions/{id}/execute',
      '/v1/actions/import',
      '/v1/variables/{name}',
      '/v1/secrets/{name}',
      '/v1/certificates/{name}',
      '/v1/runs/summary',
      '/v1/sessions/{id}/headers',
      '/v1/keys/rotate',
    ]),
  );
  const references = new Set(JSON.stringify(body).match(/"\$ref":"[^"]*"/g));
  expect([...references]).toEqual(['"$ref":"#/components/schemas/Error"']);
});

describe('the run history', () => {
  it('lists by filter and page, counts, shows one run, and exports CSV', async () => {
    rig.shop.respond = (request, response) =>
      void response.writeHead(request.url === '/things/bad' ? 503 : 200).end('{"a":"x,y"}');
    await call('POST', '/v1/actions', lookup({ name: 'Counted' }));
    for (const id of ['1', 'bad', '2', '3']) await call('POST', '/v1/actions/counted/execute', { attributes: { id } });
    await call('POST', '/v1/actions/counted/test', { attributes: { id: '9' } });
    type Run = { id: string; url: string; success: boolean; statusCode: number };
    const page = async (query: string) => (await call<Items<Run>>('GET', `/v1/runs?action=counted${query}`)).body;
    const things = (items: readonly Run[]): (string | undefined)[] => items.map((run) => run.url.split('/').at(-1));
    const first = await page('&test=false&limit=3');
    expect(things(first.items)).toEqual(['3', '2', 'bad']);
    const second = await page(`&test=false&limit=3&cursor=${first.next}`);
    expect([things(second.items), second.next]).toEqual([['1'], null]);
    expect(things((await page('&success=false')).items)).toEqual(['bad']);
    expect(things((await page('&status=5xx')).items)).toEqual(['bad']);
    expect(things((await page('&test=true')).items)).toEqual(['9']);
    expect((await page('&from=2100-01-01T00:00:00Z')).items).toEqual([]);
    expect((await page('&to=2020-01-01T00:00:00Z')).items).toEqual([]);

    const run = await call('GET', `/v1/runs/${first.items[2]?.id}`);
    expect(run.body).toMatchObject({ action: 'counted', statusCode: 503, response: { body: '{"a":"x,y"}' } });
    const { body } = await call('GET', '/v1/runs/summary?action=counted&test=false');
    expect(body.total).toMatchObject({ runs: 4, success: 3, failures: 1, statuses: { '2xx': 3, '5xx': 1 } });
    expect(body.actions).toHaveProperty('counted');

    const csv = await rig.gateway.api('/v1/runs?action=counted&format=csv');
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(String(csv.body).split('\r\n')).toHaveLength(7);
    expect(String(csv.body)).toContain('"{""a"":""x,y""}"');
    const counts = String((await rig.gateway.api('/v1/runs/summary?action=counted&format=csv&test=false')).body);
    expect(counts.split('\r\n')[1]).toMatch(/^counted,3,1,/);
    expect((await call('GET', '/v1/runs/nothing')).status).toBe(404);
    expect((await call('GET', '/v1/runs?cursor=evil')).status).toBe(400);
  });
});
