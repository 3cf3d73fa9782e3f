import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testOrganization, testSession } from '../../../test/support/action-rig.js';
import { parseAction } from './compile-action.js';
import { type LegacyAction, legacyActionSchema } from './definition.js';
import { convertLegacyAction } from './legacy.js';
import { matchesRunFilter, type RunRecord, runsToCsv, summariesToCsv, summarizeRuns } from './runs.js';
import { testAction, testInputs } from './testing-panel.js';
import { toolOf } from './tools.js';

let rig: ActionRig;
beforeEach(async () => {
  rig = await startActionRig({ user: { city: 'Bern', old: 'x' } });
});
afterEach(() => rig.close());

describe('testing your webhook', () => {
  const definition = () => ({
    name: 'Ship it',
    method: 'POST',
    url: `${rig.target.origin}/{user.order}/{session.caller}`,
    headers: { 'X-City': '{city | uppercase}', 'X-Org': '{global.oauth_client_id}' },
    body: { name: '{contact.name}', order: '{order}', key: '{secret.k}' },
    auth: { type: 'header', variables: { s: '{secret.k}' }, headers: { 'X-Api-Key': '{_auth.s}', 'X-Seed': '{salt}' } },
    response: { '2xx': { outputs: { state: 'state' } } },
  });

  it('lists the input attributes of URL, headers, body and authentication', () => {
    expect(testInputs(parseAction(definition()))).toEqual(['order', 'session.caller', 'city', 'contact.name', 'salt']);
  });

  it('shows exact URL, headers and body that were sent with secrets masked, response headers, raw body and timing', async () => {
    rig.secrets.set('k', 'secret-key-1');
    rig.target.respond = (_request, response) =>
      response.writeHead(201, { 'x-answer': 'yes' }).end('{"state":"packed"}');
    const values = { order: 'o 1', 'session.caller': '+1', city: 'Rome', 'contact.name': 'Ada', salt: 'pepper' };
    const test = await testAction(rig.executor, testOrganization, parseAction(definition()), values);
    expect(test).toMatchObject({
      success: true,
      statusCode: 201,
      outputs: { ship_it_action_success: true, action_success: true, ship_it_status_code: 201, state: 'packed' },
      request: {
        method: 'POST',
        url: `${rig.target.origin}/o%201/%2B1`,
        body: '{"name":"Ada","order":"o 1","key":"••••••••"}',
      },
      response: { body: '{"state":"packed"}' },
    });
    const headers = Object.fromEntries(test.request?.headers ?? []);
    expect(headers).toMatchObject({
      'X-City': 'ROME',
      'X-Org': 'global-client',
      'X-Api-Key': '••••••••',
      'X-Seed': 'pepper',
      'User-Agent': 'OpenCX',
    });
    expect(rig.target.requests[0]?.headers['x-api-key']).toBe('secret-key-1');
    expect(Object.fromEntries(test.response?.headers ?? [])).toMatchObject({ 'x-answer': 'yes' });
    const timing = test.timing;
    expect(timing?.tls).toBeGreaterThan(0);
    expect(timing?.total).toBeGreaterThanOrEqual((timing?.dns ?? 0) + (timing?.connect ?? 0) + (timing?.tls ?? 0));
  });

  it('sends placeholder x-opencx-* headers and leaves the session alone', async () => {
    await testAction(
      rig.executor,
      testOrganization,
      parseAction({ name: 'Plain', method: 'GET', url: rig.target.origin }),
      { temporary: 1 },
    );
    expect(rig.target.requests[0]?.headers).toMatchObject({
      'x-opencx-org-id': testOrganization.uuid,
      'x-opencx-session-id': '00000000-0000-4000-8000-000000000000',
      'x-opencx-ticket-number': '0',
      'x-opencx-external-user-id': 'test-user',
    });
    expect(rig.user.all()).toEqual({ city: 'Bern', old: 'x' });
    expect(rig.runs[0]).toMatchObject({ test: true, action: 'plain' });
  });

  it('tells a failure as plainly as a success', async () => {
    const test = await testAction(
      rig.executor,
      testOrganization,
      parseAction({ name: 'Plain', method: 'GET', url: 'https://127.0.0.1/' }),
      {},
    );
    expect(test).toMatchObject({
      success: false,
      statusCode: null,
      error: { code: 'refused_address' },
      response: null,
      timing: null,
    });
  });
});

describe('the run history', () => {
  const run = (more: Partial<RunRecord>): RunRecord => ({
    id: 'r',
    at: 1_700_000_000_000,
    organizationId: 'acme',
    sessionId: 's1',
    action: 'a',
    kind: 'webhook',
    test: false,
    durationMs: 100,
    success: true,
    statusCode: 200,
    attempts: 1,
    error: null,
    request: null,
    response: null,
    timing: null,
    notes: [],
    ...more,
  });
  const runs = [
    run({ durationMs: 100 }),
    run({ durationMs: 300, statusCode: 404, success: false }),
    run({ durationMs: 200, statusCode: null, success: false, error: { type: 'connect', message: 'no' } }),
    run({ durationMs: 200, statusCode: 408, success: false, error: { type: 'timeout', message: 'late' }, action: 'b' }),
    run({
      durationMs: 200,
      statusCode: null,
      success: false,
      error: { type: 'connect', message: 'no' },
      sessionId: 's2',
    }),
  ];

  it('records each run with time, session, action, duration, status and redacted request and response', async () => {
    rig.variables.set('X-Api-Key', 'variable-value');
    await rig.run(
      { method: 'POST', headers: { Cookie: 'c=1', 'X-Auth-Token': 't', 'X-Plain': 'p' }, body: { x: '{city}' } },
      { session: testSession },
    );
    expect(rig.runs[0]).toMatchObject({
      sessionId: testSession.id,
      action: 'order_status',
      success: true,
      statusCode: 200,
      error: null,
      attempts: 1,
      request: { body: '{"x":"Bern"}' },
    });
    expect(rig.runs[0]?.durationMs).toBeGreaterThan(0);
    const headers = Object.fromEntries(rig.runs[0]?.request?.headers ?? []);
    expect(headers).toMatchObject({
      Cookie: '••••••••',
      'X-Auth-Token': '••••••••',
      'X-Api-Key': '••••••••',
      'X-Plain': 'p',
    });
  });

  it('a history that is down does not take the result away', async () => {
    await rig.close();
    rig = await startActionRig({ dependencies: { runs: { record: () => Promise.reject(new Error('down')) } } });
    expect((await rig.run({})).success).toBe(true);
  });

  it('is filtered by every column', () => {
    const count = (filter: Parameters<typeof matchesRunFilter>[1]): number =>
      runs.filter((one) => matchesRunFilter(one, filter)).length;
    expect([count({}), count({ action: 'b' }), count({ sessionId: 's1' }), count({ success: false })]).toEqual([
      5, 1, 4, 4,
    ]);
    expect([count({ statusGroup: '4xx' }), count({ statusGroup: 'none' }), count({ errorType: 'connect' })]).toEqual([
      2, 2, 2,
    ]);
    expect([count({ from: 1_700_000_000_001 }), count({ to: 1_700_000_000_000 }), count({ test: true })]).toEqual([
      0, 5, 0,
    ]);
  });

  it('is counted: success, failures, mean and p95 duration, statuses, most common error', () => {
    expect(summarizeRuns(runs)).toEqual({
      runs: 5,
      success: 1,
      failures: 4,
      meanDurationMs: 200,
      p95DurationMs: 300,
      statuses: { '1xx': 0, '2xx': 1, '3xx': 0, '4xx': 2, '5xx': 0, none: 2 },
      errors: { connect: 2, timeout: 1 },
      mostCommonError: 'connect',
    });
    expect(summarizeRuns([])).toMatchObject({ runs: 0, meanDurationMs: 0, p95DurationMs: 0, mostCommonError: null });
  });

  it('is exported as CSV that no spreadsheet takes for a formula', () => {
    const body = '=HYPERLINK("https://evil.test")';
    const csv = runsToCsv([
      run({
        request: {
          method: 'POST',
          url: 'https://a.test/',
          headers: [
            ['A', 'b,c'],
            ['D', 'e'],
          ],
          body,
        },
      }),
    ]);
    const lines = csv.split('\r\n');
    expect(lines[0]?.split(',').slice(0, 3)).toEqual(['id', 'time', 'action']);
    expect(csv).toContain(`"'=HYPERLINK(""https://evil.test"")"`);
    expect(csv).toContain('"A: b,c\nD: e"');
    for (const sign of ['+', '-', '@', '\t', '\r', '\n']) {
      const message = `${sign}cmd|' /C calc'!A1`;
      expect(runsToCsv([run({ error: { type: 'dns', message } })])).toContain(`'${message}`);
    }
    expect(summariesToCsv(runs)).toContain('a,1,3,0.200,0.300,2,connect,1,0,1,0');
  });
});

describe('the legacy webhook action', () => {
  const legacy = (more: object = {}) => ({
    kind: 'legacy-webhook',
    name: 'Webhook test',
    url: `${rig.target.origin}/legacy`,
    inputs: ['city', 'missing'],
    ...more,
  });
  const answer = (status: number, body: unknown): void => {
    rig.target.respond = (_request, response) => response.writeHead(status).end(JSON.stringify(body));
  };

  it('posts its attributes and takes those of the answer; null unsets an attribute', async () => {
    answer(200, { successful: true, output_data: { attributes: { mood: 'good', old: null } } });
    const result = await rig.run(legacy() as never);
    expect(rig.target.requests[0]).toMatchObject({
      method: 'POST',
      body: '{"input_data":{"attributes":{"city":"Bern","missing":null}}}',
    });
    expect(result).toMatchObject({
      success: true,
      outputs: { mood: 'good', webhook_test_action_success: true, action_success: true },
    });
    expect(rig.user.all()).toMatchObject({ city: 'Bern', mood: 'good' });
    expect(rig.user.all()).not.toHaveProperty('old');
    expect(rig.runs[0]).toMatchObject({ kind: 'legacy-webhook' });
  });

  it('reports the messages of a failure, and an answer that has not its form', async () => {
    answer(200, { successful: false, errors: [{ message: 'No stock.' }, { message: 'Try later.' }] });
    expect((await rig.run(legacy() as never)).error).toEqual({
      code: 'legacy_response',
      message: 'No stock. Try later.',
    });
    answer(200, { ok: true });
    expect((await rig.run(legacy() as never)).error?.message).toContain('without the form of a legacy webhook action');
    answer(500, { successful: true, output_data: { attributes: { a: 1 } } });
    const failed = await rig.run(legacy() as never);
    expect(failed.success).toBe(false);
    expect(failed.outputs).not.toHaveProperty('a');
  });

  it('takes nothing but the attributes it names, and none with an odd name', async () => {
    const attributes = JSON.parse('{"a":1,"b":2,"__proto__":{"x":1},"bad name":3,"action_success":"forged"}');
    answer(200, { successful: true, output_data: { attributes } });
    expect((await rig.run(legacy({ outputs: ['a'] }) as never)).outputs).not.toHaveProperty('b');
    const all = await rig.run(legacy() as never);
    expect(all.outputs).toMatchObject({ a: 1, b: 2, action_success: true });
    expect(Object.keys(all.outputs)).not.toContain('bad name');
  });

  it('stands under the same guard, deadline and headers', async () => {
    rig.variables.set('X-Api-Key', 'k-123456');
    answer(200, { successful: true });
    await rig.run(legacy() as never);
    expect(rig.target.requests[0]?.headers).toMatchObject({ 'x-api-key': 'k-123456', 'user-agent': 'OpenCX' });
    rig.target.respond = () => {};
    const result = await rig.run(legacy({ limits: { timeout: 0.2 } }) as never);
    expect(result).toMatchObject({ statusCode: 408, error: { code: 'timeout' } });
    expect((await rig.run(legacy({ url: 'https://127.0.0.1/' }) as never)).error?.code).toBe('refused_address');
  });

  it('is converted in one step to a webhook action that does the same', async () => {
    answer(200, { successful: true, output_data: { attributes: { mood: 'good' } } });
    const definition: LegacyAction = legacyActionSchema.parse(legacy({ outputs: ['mood'] }));
    const converted = convertLegacyAction(definition);
    const result = await rig.run({ ...(converted as object) });
    expect(rig.target.requests[0]?.body).toBe('{"input_data":{"attributes":{"city":"Bern","missing":null}}}');
    expect(result).toMatchObject({ success: true, outputs: { mood: 'good', webhook_test_status_code: 200 } });
    answer(200, { successful: false, errors: [] });
    expect((await rig.run({ ...(converted as object) })).success).toBe(false);
  });
});

describe('tools for function calling', () => {
  it('have the strict subset of JSON Schema, and no static values', () => {
    const action = parseAction({
      name: 'Order status',
      description: 'Looks up where an order is',
      method: 'GET',
      url: 'https://a.test/{order_id}',
      staticValues: { tenant: 'acme' },
      parameters: {
        type: 'object',
        properties: {
          order_id: { type: 'string', description: 'number', minLength: 3, maxLength: 9 },
          size: { enum: ['S', 'M'], type: 'string' },
          tenant: { type: 'string' },
          lines: {
            type: 'array',
            items: { type: 'object', properties: { sku: { type: 'string' } }, required: ['sku'] },
          },
        },
        required: ['order_id'],
      },
    });
    expect(toolOf(action, 412.4)).toEqual({
      name: 'order_status',
      description: 'Looks up where an order is',
      readOnly: true,
      expectedLatencyMs: 412,
      parameters: {
        type: 'object',
        properties: {
          order_id: { type: 'string', description: 'number' },
          size: { type: ['string', 'null'], enum: ['S', 'M', null] },
          lines: {
            type: ['array', 'null'],
            items: {
              type: 'object',
              properties: { sku: { type: 'string' } },
              required: ['sku'],
              additionalProperties: false,
            },
          },
        },
        required: ['order_id', 'size', 'lines'],
        additionalProperties: false,
      },
    });
  });

  it('an action without parameters is a tool without parameters', () => {
    const tool = toolOf(parseAction({ name: 'Ping', method: 'POST', url: 'https://a.test/' }));
    expect(tool).toEqual({
      name: 'ping',
      description: 'Ping',
      readOnly: false,
      parameters: { type: 'object', properties: {}, required: [], additionalProperties: false },
    });
  });
});
