import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActionRig, startActionRig, testSession } from '../../../test/support/action-rig.js';
import { GatewayError } from '../../core/errors.js';
import { parseAction } from './compile-action.js';
import { slugFault, slugOf } from './definition.js';
import type { JsonValue } from './template/values.js';

let rig: ActionRig;
beforeEach(async () => {
  rig = await startActionRig({ user: { user_id: 'u 1', api_version: 'v2', first_name: 'Ada', age: 36, vip: true } });
});
afterEach(() => rig.close());

const answer = (status: number, body: JsonValue, headers: Record<string, string> = {}): void => {
  rig.target.respond = (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

const faultsOf = (definition: unknown): { path: string; message: string }[] => {
  try {
    parseAction(definition);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'bad_request') return [...error.details];
    throw error;
  }
  return [];
};

const base = { name: 'Order status', method: 'GET', url: 'https://shop.test/orders' };

describe('webhook action, overview and basic configuration', () => {
  it.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])('chooses the HTTP method %s', async (method) => {
    const result = await rig.run({ method });
    expect(rig.target.requests[0]?.method).toBe(method);
    expect(result).toMatchObject({ success: true, statusCode: 200 });
  });

  it('requires a name of up to 60 characters', () => {
    expect(faultsOf({ ...base, name: undefined })[0]?.path).toBe('name');
    expect(faultsOf({ ...base, name: '  ' })[0]).toEqual({ path: 'name', message: 'a name is required' });
    expect(faultsOf({ ...base, name: 'x'.repeat(61) })[0]).toEqual({ path: 'name', message: 'at most 60 characters' });
    expect(faultsOf({ ...base, name: 'x'.repeat(60) })).toEqual([]);
  });

  it('takes an optional description of up to 120 characters', () => {
    expect(faultsOf({ ...base, description: 'x'.repeat(120) })).toEqual([]);
    expect(faultsOf({ ...base, description: 'x'.repeat(121) })[0]).toEqual({
      path: 'description',
      message: 'at most 120 characters',
    });
  });

  it('offers GET, POST, PUT, DELETE, PATCH and nothing else', () => {
    expect(faultsOf({ ...base, method: 'HEAD' })[0]?.path).toBe('method');
  });

  it('needs a valid URL of an API resource, and https', () => {
    expect(faultsOf({ ...base, url: 'shop.test/orders' })[0]?.path).toBe('url');
    expect(faultsOf({ ...base, url: 'http://shop.test/' })[0]).toEqual({
      path: 'url',
      message: 'the URL must start with https:// (at character 1)',
    });
  });

  it('sends https://yourapi.com/api/{api_version}/users?userId={user_id} with the values encoded', async () => {
    await rig.run({ url: `${rig.target.origin}/api/{api_version}/users?userId={user_id}` });
    expect(rig.target.requests[0]?.url).toBe('/api/v2/users?userId=u%201');
  });

  it('names every faulty field with its path', () => {
    const faults = faultsOf({
      ...base,
      url: 'https://shop.test/{order',
      headers: { 'X Bad': 'a', Host: 'x', 'X-Good': '{a | nofilter}' },
      body: { a: ['{'] },
      response: { '2xx': { action_success: 'a ||', outputs: { ok: 'a', broken: '[?' } } },
      auth: { type: 'header', headers: { Authorization: '{_auth.a}' }, variables: { a: '{_auth.b}', b: '{_auth.a}' } },
      parameters: { type: 'object', properties: { id: { type: 'text' } }, required: ['nobody'] },
    });
    expect(faults.map(({ path }) => path)).toEqual(
      [
        'parameters.properties.id.type',
        'parameters.required',
        'url',
        'headers.X Bad',
        'headers.Host',
        'headers.X-Good',
        'body',
        'response.2xx.outputs.broken',
        'response.2xx.action_success',
        'auth',
      ].sort((a, b) => faults.findIndex((f) => f.path === a) - faults.findIndex((f) => f.path === b)),
    );
    expect(faults.find(({ path }) => path === 'auth')?.message).toBe(
      'the variables refer to each other in a circle: a -> b -> a',
    );
    expect(faultsOf({ ...base, colour: 'red' })[0]).toEqual({ path: 'colour', message: 'is not a known field' });
    expect(faultsOf({ name: 'x', method: 'get', limits: { timeout: 5_000 }, auth: { type: 'bearer' } })).toEqual([
      { path: 'method', message: 'must be one of GET, POST, PUT, DELETE, PATCH' },
      { path: 'url', message: 'is missing' },
      { path: 'auth.type', message: 'must be one of none, header, mtls, oauth2' },
      { path: 'limits.timeout', message: 'must be at most 60' },
    ]);
    expect(faultsOf({ ...base, kind: 'web' })[0]?.message).toBe('must be one of webhook, legacy-webhook');
    expect(faultsOf({ ...base, response: { '2xx': { outputs: { 'a b': 'c' } } } })).toEqual([
      { path: 'response.2xx.outputs.a b', message: 'letters, digits, "_" and "-", no digit first' },
    ]);
  });

  it('makes a snake_case slug of the name and refuses those of built-in tools and of other actions', () => {
    expect(slugOf('Webhook Test!')).toBe('webhook_test');
    expect(slugOf('Größe ändern')).toBe('gro_e_andern');
    expect(slugOf('2nd try')).toBe('action_2nd_try');
    expect(slugOf('你好')).toBe('action');
    expect(faultsOf({ ...base, name: 'Transfer call' })[0]?.path).toBe('name');
    expect(slugFault('order_status', new Set(['order_status']))).toContain('already has the slug');
  });
});

describe('webhook action, headers and request', () => {
  it('resolves attributes in header values', async () => {
    await rig.run({ headers: { 'X-User': '{user.first_name | uppercase}', 'X-Plain': 'a' } });
    expect(rig.target.requests[0]?.headers).toMatchObject({ 'x-user': 'ADA', 'x-plain': 'a' });
  });

  it('adds Content-Type: application/json to a request with a body, and none to one without', async () => {
    await rig.run({ method: 'POST', body: { a: 1 } });
    await rig.run({ method: 'POST' });
    expect(rig.target.requests[0]).toMatchObject({ headers: { 'content-type': 'application/json' }, body: '{"a":1}' });
    expect(rig.target.requests[1]?.headers['content-type']).toBeUndefined();
    expect(rig.target.requests[1]?.body).toBe('');
  });

  it('preserves attribute types, so numbers and booleans are sent accordingly', async () => {
    await rig.run({
      method: 'POST',
      body: { firstName: '{first_name}', age: '{age}', vip: '{vip}', text: 'is {age}', none: '{nobody}' },
    });
    expect(JSON.parse(rig.target.requests[0]?.body ?? '')).toEqual({
      firstName: 'Ada',
      age: 36,
      vip: true,
      text: 'is 36',
      none: null,
    });
  });

  it('accepts an attribute in double quotes and refuses one without', () => {
    expect(faultsOf({ ...base, body: '{"firstName": "{first_name}"}' })).toEqual([]);
    expect(faultsOf({ ...base, body: '{"firstName": {first_name}}' })[0]?.message).toContain('in double quotes');
  });
});

describe('webhook action, response configuration', () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [404, false],
    [503, false],
  ])('by default status %i means action_success %s', async (status, success) => {
    rig.target.respond = (_request, response) => response.writeHead(status).end();
    const result = await rig.run({});
    expect(result.success).toBe(success);
    expect(result.outputs).toEqual({
      order_status_action_success: success,
      action_success: success,
      order_status_status_code: status,
    });
  });

  it('groups 1xx to 5xx have their own action_success: TRUE, FALSE or a JMESPath expression', async () => {
    answer(404, { found: false, fine: true });
    expect((await rig.run({ response: { '4xx': { action_success: 'TRUE' } } })).success).toBe(true);
    expect((await rig.run({ response: { '4xx': { action_success: 'fine' } } })).success).toBe(true);
    expect((await rig.run({ response: { '4xx': { action_success: 'found' } } })).success).toBe(false);
    answer(200, { ok: 'yes', list: [1] });
    expect((await rig.run({ response: { '2xx': { action_success: false } } })).success).toBe(false);
    for (const expression of ['ok', 'list', 'missing', 'length(list)', 'length(missing)']) {
      expect((await rig.run({ response: { '2xx': { action_success: expression } } })).success).toBe(false);
    }
    expect((await rig.run({ response: { '2xx': { action_success: "ok == 'yes'" } } })).success).toBe(true);
  });

  it('will not automatically follow redirects in response to 3xx status codes', async () => {
    rig.target.respond = (_request, response) =>
      response.writeHead(302, { location: `${rig.target.origin}/elsewhere` }).end();
    const result = await rig.run({});
    expect(result.statusCode).toBe(302);
    expect(rig.target.requests).toHaveLength(1);
  });

  it('maps properties, dotted paths and JMESPath expressions into the user context', async () => {
    answer(200, { status: 'sent', user: { profile: { name: 'Bob' } }, items: [{ n: 1 }, { n: 2 }], 'odd-name': 3 });
    const outputs = {
      state: 'status',
      who: 'user.profile.name',
      total: 'sum(items[].n)',
      odd: 'odd-name',
      none: 'no.such.path',
      wrong: 'sum(status)',
    };
    const result = await rig.run({ response: { '2xx': { outputs } } });
    expect(result.outputs).toMatchObject({ state: 'sent', who: 'Bob', total: 3, odd: 3, none: null, wrong: null });
    expect(rig.user.all()).toMatchObject({
      state: 'sent',
      order_status_status_code: 200,
      order_status_action_success: true,
    });
    await rig.run({ url: `${rig.target.origin}/{state}/{user.who}` });
    expect(rig.target.requests[1]?.url).toBe('/sent/Bob');
  });

  it('maps only what the group of the status code names', async () => {
    answer(422, { message: 'bad', status: 'x' });
    const result = await rig.run({
      response: { '2xx': { outputs: { a: 'status' } }, '4xx': { outputs: { reason: 'message' } } },
    });
    expect(result.outputs).toMatchObject({ reason: 'bad' });
    expect(result.outputs).not.toHaveProperty('a');
  });

  it('supports mapping for application/json responses alone, and says so of others', async () => {
    rig.target.respond = (_request, response) => response.end('<status>sent</status>');
    const result = await rig.run({ response: { '2xx': { outputs: { state: 'status' } } } });
    expect(result).toMatchObject({ success: true, outputs: { state: null } });
    expect(result.run.notes).toEqual(['The response is not JSON, so nothing could be mapped.']);
  });

  it('stores the whole response as a string', async () => {
    rig.target.respond = (_request, response) => response.end('plain text');
    const result = await rig.run({ response: { raw_response: 'whole' } });
    expect(result.outputs.whole).toBe('plain text');
  });

  it('overwrites action_success with each action, and a failure does not stop the rest', async () => {
    answer(500, {});
    await rig.run({ name: 'First one' });
    answer(200, {});
    await rig.run({ name: 'Second one' });
    expect(rig.user.all()).toMatchObject({
      first_one_action_success: false,
      second_one_action_success: true,
      action_success: true,
    });
  });

  it('json_decode reads JSON inside the response', async () => {
    answer(200, { payload: '{"order":{"status":"open"}}' });
    const result = await rig.run({ response: { '2xx': { outputs: { state: 'json_decode(payload).order.status' } } } });
    expect(result.outputs.state).toBe('open');
  });
});

describe('what the AI sees', () => {
  it('is the mapped attributes, without those hidden from it', async () => {
    answer(200, { state: 'sent', internal: 'cost 3' });
    const outputs = { state: 'state', cost: { expression: 'internal', hideFromAi: true } };
    const result = await rig.run({ response: { '2xx': { outputs } } });
    expect(result.outputs.cost).toBe('cost 3');
    expect(result.ai.text).toBe('{"state":"sent"}');
    expect(result.ai.outputs).not.toHaveProperty('cost');
    const whole = await rig.run({ response: { '2xx': { outputs }, raw_response: 'whole' } });
    expect(whole.outputs.whole).toContain('cost 3');
    expect(JSON.stringify(whole.ai)).not.toContain('cost 3');
  });

  it('is the body as text when nothing is mapped, cut at 15,000 characters', async () => {
    rig.target.respond = (_request, response) => response.writeHead(404).end('no such order');
    expect((await rig.run({})).ai.text).toBe('no such order');
    rig.target.respond = (_request, response) => response.end('x'.repeat(20_000));
    const { text } = (await rig.run({})).ai;
    expect(text).toHaveLength(15_000 + '\n[The response is longer; 5000 characters were cut.]'.length);
  });

  it('has no attribute longer than that either', async () => {
    answer(200, { text: 'x'.repeat(20_000), list: Array.from({ length: 9_000 }, () => 'ab'), n: 1 });
    const result = await rig.run({
      response: { '2xx': { outputs: { text: 'text', list: 'list', n: 'n' } }, raw_response: 'raw' },
    });
    expect(result.outputs).toMatchObject({ text: 'x'.repeat(20_000), n: 1 });
    const shown = Object.values(result.ai.outputs).map((value) => JSON.stringify(value).length);
    expect(Math.max(...shown)).toBeLessThan(31_000);
    expect(result.ai.outputs).toMatchObject({ n: 1, text: expect.stringContaining('5000 characters were cut') });
    expect(result.ai.body).toBeUndefined();
  });

  it('is a plain sentence when the system cannot be reached, and the operator reads the reason', async () => {
    rig.target.respond = (_request, response) => response.destroy();
    const result = await rig.run({});
    expect(result).toMatchObject({ success: false, statusCode: null, error: { code: 'connection_lost' } });
    expect(result.outputs).toEqual({
      order_status_action_success: false,
      action_success: false,
      order_status_status_code: null,
    });
    expect(result.ai.text).toBe('Something went wrong: the system could not be reached.');
    expect(result.error?.message).toBe('localhost closed the connection before it had answered.');
  });

  it('timeout gives 408 and says after how long', async () => {
    rig.target.respond = () => {};
    const result = await rig.run({ limits: { timeout: 0.2 } });
    expect(result).toMatchObject({
      success: false,
      statusCode: 408,
      error: { code: 'timeout', message: 'Request timed out after 200ms' },
    });
    expect(result.ai.text).toBe('Request timed out after 200ms');
    expect(result.outputs.order_status_status_code).toBe(408);
  });
});

describe('parameters', () => {
  const parameters = {
    type: 'object',
    properties: {
      order_id: { type: 'string', description: 'the number on the receipt' },
      count: { type: 'integer', minimum: 1, maximum: 5 },
      size: { enum: ['S', 'M'] },
    },
    required: ['order_id'],
  };

  it('are checked before anything is sent, and the AI hears which argument is wrong', async () => {
    for (const [args, sentence] of [
      [{}, 'The argument order_id is required.'],
      [{ order_id: 'a', count: 9 }, 'The argument count must be at most 5.'],
      [{ order_id: 'a', count: 'many' }, 'The argument count must be integer.'],
      [{ order_id: 'a', size: 'L' }, 'The argument size must be one of "S", "M".'],
    ] as const) {
      const result = await rig.run({ parameters }, { args });
      expect(result).toMatchObject({
        success: false,
        statusCode: null,
        error: { code: 'arguments', message: sentence },
      });
      expect(result.ai.text).toBe(sentence);
    }
    expect(rig.target.requests).toHaveLength(0);
  });

  it('are brought into their types', async () => {
    await rig.run(
      { method: 'POST', parameters, body: { id: '{order_id}', n: '{count}', s: '{size}' } },
      { args: { order_id: 7, count: '3', size: null } },
    );
    expect(rig.target.requests[0]?.body).toBe('{"id":"7","n":3,"s":null}');
  });

  it('static values stand whatever the AI supplies', async () => {
    await rig.run(
      { method: 'POST', staticValues: { tenant: 'acme' }, body: { t: '{tenant}', o: '{other}' } },
      { args: { tenant: 'evil', other: 'x' } },
    );
    expect(rig.target.requests[0]?.body).toBe('{"t":"acme","o":"x"}');
  });

  it('a static value stands for a required parameter too, which the AI is not asked for and cannot fault', async () => {
    const bound = {
      method: 'POST',
      parameters,
      staticValues: { order_id: 'o-1', count: 9 },
      body: '{"o":"{order_id}","n":"{count}"}',
    };
    const ours = [{}, { order_id: null, count: 'many' }];
    for (const args of ours) expect(await rig.run(bound, { args })).toMatchObject({ success: true });
    expect(rig.target.requests.map(({ body }) => body)).toEqual(ours.map(() => '{"o":"o-1","n":9}'));
  });

  it('what the AI supplies without being asked does not replace an attribute of the session', async () => {
    await rig.run({ method: 'POST', body: { who: '{user_id}' } }, { args: { user_id: 'someone else' } });
    expect(rig.target.requests[0]?.body).toBe('{"who":"u 1"}');
    await rig.run(
      {
        method: 'POST',
        body: { who: '{user_id}' },
        parameters: { type: 'object', properties: { user_id: { type: 'string' } } },
      },
      { args: { user_id: 'asked for' } },
    );
    expect(rig.target.requests[1]?.body).toBe('{"who":"asked for"}');
  });

  it('values of the AI may not choose the host', async () => {
    const result = await rig.run({ url: 'https://{region}.shop.test/' }, { args: { region: 'evil' } });
    expect(result).toMatchObject({ success: false, error: { code: 'template' } });
    expect(result.error?.message).toContain('chosen by the AI cannot stand in the host');
  });

  it('keywords that would not be enforced are refused', () => {
    const pattern = { type: 'object', properties: { a: { type: 'string', pattern: '(a+)+$' } } };
    expect(faultsOf({ ...base, parameters: pattern })[0]).toEqual({
      path: 'parameters.properties.a.pattern',
      message: 'this keyword of JSON Schema is not supported',
    });
  });
});

describe('the same call twice', () => {
  const write = { method: 'POST', body: { o: '{order}' } };

  it('in the same turn joins the call in flight, and carries one Idempotency-Key', async () => {
    const held: (() => void)[] = [];
    rig.target.respond = (_request, response) => void held.push(() => response.end('{"done":true}'));
    const call = { session: testSession, turn: '3', args: { order: 'a' } };
    const both = [rig.run(write, call), rig.run(write, { ...call, args: { order: 'a' } })];
    await expect.poll(() => held.length).toBe(1);
    for (const release of held) release();
    const [first, second] = await Promise.all(both);
    expect(first?.runId).toBe(second?.runId);
    expect(rig.target.requests).toHaveLength(1);
    const key = rig.target.requests[0]?.headers['idempotency-key'];
    expect(key).toMatch(/^[0-9a-f-]{36}$/);
    rig.target.respond = (_request, response) => response.end('{}');
    await rig.run(write, call);
    expect(rig.target.requests[1]?.headers['idempotency-key']).toBe(key);
  });

  it('in the same turn outside of a session is the same to the target too', async () => {
    await rig.run(write, { turn: '3', args: { order: 'a' } });
    await rig.run(write, { turn: '3', args: { order: 'a' } });
    const [first, second] = rig.target.requests.map((request) => request.headers['idempotency-key']);
    expect(second).toBe(first);
  });

  it('without turns joins only what is in flight, and the same order meant twice is two calls', async () => {
    const more = { session: testSession, joins: true, args: { a: 1 } };
    const results = await Promise.all([rig.run({ method: 'POST' }, more), rig.run({ method: 'POST' }, more)]);
    expect(results[0]?.runId).toBe(results[1]?.runId);
    await rig.run({ method: 'POST' }, more);
    const keys = rig.target.requests.map((request) => request.headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([2, 2]);
  });

  it('with other arguments or in another turn is another call with another key', async () => {
    const calls = [
      { session: testSession, turn: '1', args: { order: 'a' } },
      { session: testSession, turn: '1', args: { order: 'b' } },
      { session: testSession, turn: '2', args: { order: 'a' } },
      { session: testSession, args: { order: 'a' } },
      { args: { order: 'a' } },
    ];
    await Promise.all(calls.map((call) => rig.run(write, call)));
    expect(new Set(rig.target.requests.map((request) => request.headers['idempotency-key'])).size).toBe(5);
  });

  it('a GET has no key, and a key of the action itself stands', async () => {
    await rig.run({});
    await rig.run({ ...write, headers: { 'idempotency-key': 'mine' } });
    expect(rig.target.requests.map((request) => request.headers['idempotency-key'])).toEqual([undefined, 'mine']);
  });
});

describe('repetition', () => {
  const statuses = (list: number[], headers: Record<string, string> = {}): void => {
    rig.target.respond = (_request, response) => response.writeHead(list.shift() ?? 200, headers).end('{}');
  };

  it('is off unless asked for', async () => {
    statuses([503, 200]);
    expect((await rig.run({})).statusCode).toBe(503);
    expect(rig.target.requests).toHaveLength(1);
  });

  it('when on repeats 429 and 502 to 504 with the same key, and no other status', async () => {
    statuses([429, 502, 200]);
    const result = await rig.run({ method: 'POST', retries: { attempts: 3 } });
    expect(result).toMatchObject({ success: true, statusCode: 200 });
    expect(rig.runs[0]?.attempts).toBe(3);
    expect(new Set(rig.target.requests.map((request) => request.headers['idempotency-key'])).size).toBe(1);
    for (const status of [400, 404, 408, 500, 501]) {
      rig.target.requests.length = 0;
      statuses([status, 200]);
      expect((await rig.run({ retries: { attempts: 3 } })).statusCode).toBe(status);
      expect(rig.target.requests).toHaveLength(1);
    }
  });

  it('stays within the total timeout: a Retry-After beyond it is not waited for', async () => {
    statuses([503, 200], { 'retry-after': '30' });
    const result = await rig.run({ retries: { attempts: 2 }, limits: { timeout: 1 } });
    expect(result.statusCode).toBe(503);
    expect(rig.target.requests).toHaveLength(1);
  });

  it('never repeats a request that may have reached the target', async () => {
    rig.target.respond = (_request, response) => response.destroy();
    await rig.run({ retries: { attempts: 3 } });
    expect(rig.target.requests).toHaveLength(1);
  });
});

describe('the expected latency', () => {
  it('is the median of recent runs', async () => {
    expect(rig.executor.expectedLatencyMs('acme', 'order_status')).toBeUndefined();
    for (let round = 0; round < 3; round += 1) await rig.run({});
    const durations = rig.runs.map((run) => run.durationMs).sort((a, b) => a - b);
    expect(rig.executor.expectedLatencyMs('acme', 'order_status')).toBe(durations[1]);
  });
});
