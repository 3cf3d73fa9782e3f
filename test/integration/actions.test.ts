import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ActionGateway, startActionGateway } from '../support/action-gateway.js';
import { dial } from '../support/phone.js';
import { until } from '../support/until.js';

let rig: ActionGateway;
let shop: ActionGateway['shop'];
let gateway: ActionGateway['gateway'];

const number = '+14155550100';
const orderStatus = () => ({
  name: 'Order status',
  description: 'Looks up where an order is',
  method: 'GET',
  url: `${shop.origin}/orders/{order_id}`,
  parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
  response: { '2xx': { outputs: { order_state: 'status' } } },
});
const document = () => ({
  organization: { id: 'acme', name: 'Acme', defaultCountry: 'US', contextHeaders: true },
  numbers: [{ number, agent: 'support', profile: 'local', verified: true }],
  agents: [
    {
      id: 'support',
      actions: ['order_status'],
      leg: {
        type: 'builtin',
        script: {
          steps: [
            { action: { name: 'order_status', attributes: { order_id: '4711' } } },
            { say: 'Your order is {order_state}.' },
            { ask: { digits: 1, timeout: 60, choices: { '9': [{ hangup: {} }] } } },
          ],
        },
      },
    },
  ],
  actions: [orderStatus()],
  variables: { 'X-Api-Key': 'key-of-the-shop' },
});

const api = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: never }> =>
  (await gateway.api(path, { method, ...(body === undefined ? {} : { body }) })) as never;

type Detail = {
  readonly id: string;
  readonly status: string;
  readonly ticketNumber: number;
  readonly timeline: readonly { readonly type: string; readonly data: Record<string, unknown> }[];
};
const liveSession = async (): Promise<Detail> => {
  const { body } = await api('GET', '/v1/sessions?live=true&limit=1');
  const [item] = (body as { items: { id: string }[] }).items;
  return (await api('GET', `/v1/sessions/${item?.id ?? 'none'}`)).body;
};

beforeAll(async () => {
  rig = await startActionGateway();
  ({ shop, gateway } = rig);
});
afterAll(() => rig.close());
beforeEach(async () => {
  shop.requests.length = 0;
  shop.respond = (request, response) => {
    const found = request.url === '/orders/4711';
    response
      .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(found ? { status: 'on its way' } : { error: 'no such order' }));
  };
  await gateway.apply(document());
});

describe('POST /v1/actions/{id}/execute', () => {
  it('answers what came of it, with the outputs, also when the target failed', async () => {
    const good = await api('POST', '/v1/actions/order_status/execute', { attributes: { order_id: '4711' } });
    expect(good).toMatchObject({
      status: 200,
      body: { success: true, statusCode: 200, outputs: { order_state: 'on its way', action_success: true } },
    });
    expect(shop.requests[0]?.headers).toMatchObject({ 'x-api-key': 'key-of-the-shop', 'user-agent': 'OpenCX' });
    expect(shop.requests[0]?.headers['x-opencx-session-id']).toBeUndefined();
    const bad = await api('POST', '/v1/actions/order_status/execute', { attributes: { order_id: '1' } });
    expect(bad).toMatchObject({ status: 200, body: { success: false, statusCode: 404 } });
  });

  it('refuses what is not there in one sentence each: an action, a session, an argument', async () => {
    const missing = await api('POST', '/v1/actions/nothing/execute', { attributes: {} });
    expect(missing).toMatchObject({
      status: 404,
      body: { code: 'not_found', message: 'There is no action "nothing".' },
    });
    const sessionId = '0b8ad5ae-5a2c-4a57-8a2e-4b5d0c7b1f11';
    expect((await api('POST', '/v1/actions/order_status/execute', { sessionId, attributes: {} })).status).toBe(404);
    const argument = await api('POST', '/v1/actions/order_status/execute', { attributes: {} });
    expect(argument).toMatchObject({ status: 200, body: { success: false, error: { code: 'arguments' } } });
    expect(shop.requests).toEqual([]);
  });

  it('acts once under an Idempotency-Key, also for who asks again after the answer', async () => {
    const definition = { ...orderStatus(), name: 'Place order', method: 'POST' };
    await gateway.apply({ organization: { id: 'acme' }, actions: [definition] });
    const place = async (key: string, order: string) =>
      gateway.api('/v1/actions/place_order/execute', {
        method: 'POST',
        headers: { 'Idempotency-Key': key },
        body: { attributes: { order_id: order } },
      });
    const first = await place('k-1', '4711');
    expect(first).toMatchObject({ status: 200, body: { success: true } });
    expect((await place('k-1', '4711')).body).toEqual(first.body);
    expect(await place('k-1', '4712')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(shop.requests).toHaveLength(1);
    await place('k-2', '4711');
    expect(shop.requests).toHaveLength(2);
    await api('DELETE', '/v1/actions/place_order');
  });

  it('the values of a request have no more trust than the AI: they never choose the host', async () => {
    const definition = { ...orderStatus(), name: 'Chosen', slug: 'chosen', url: 'https://{where}/' };
    await gateway.apply({ organization: { id: 'acme' }, actions: [definition] });
    const answer = await api('POST', '/v1/actions/chosen/execute', {
      attributes: { where: `localhost:${shop.port}`, order_id: '1' },
    });
    expect(answer).toMatchObject({ status: 200, body: { success: false, error: { code: 'template' } } });
    expect(shop.requests).toEqual([]);
    await api('DELETE', '/v1/actions/chosen');
  });
});

describe('an action in a call', () => {
  it('a script runs it, speaks of its outputs, and the timeline tells of the run without values', async () => {
    const phone = dial({ sipPort: gateway.sipPort });
    const told = await until('the agent to speak', async () => {
      const session = await liveSession().catch(() => null);
      const said = session?.timeline?.some((entry) => entry.type === 'agent.said');
      return said ? session : null;
    });
    const run = told.timeline.find((entry) => entry.type === 'action.run');
    expect(run?.data).toMatchObject({ action: 'order_status', success: true, statusCode: 200 });
    expect(JSON.stringify(run)).not.toContain('on its way');
    expect(told.timeline.find((entry) => entry.type === 'agent.said')?.data).toEqual({
      text: 'Your order is on its way.',
    });
    expect(shop.requests[0]?.headers).toMatchObject({
      'x-opencx-session-id': told.id,
      'x-opencx-ticket-number': String(told.ticketNumber),
    });
    expect(shop.requests[0]?.headers['x-opencx-external-user-id']).toBeUndefined();

    // From outside: in the session, with the headers and the identity it was given.
    expect(
      (await api('PUT', `/v1/sessions/${told.id}/headers`, { headers: { 'X-User-Jwt': 'jwt-of-the-user' } })).status,
    ).toBe(204);
    expect((await api('PUT', `/v1/sessions/${told.id}/identity`, { authenticatedUser: 'user-7' })).status).toBe(204);
    const executed = await api('POST', '/v1/actions/order_status/execute', {
      sessionId: told.id,
      attributes: { order_id: '4711' },
    });
    expect(executed).toMatchObject({ status: 200, body: { success: true } });
    expect(shop.requests.at(-1)?.headers).toMatchObject({
      'x-user-jwt': 'jwt-of-the-user',
      'x-opencx-external-user-id': 'user-7',
    });
    const inSession = await api('POST', `/v1/sessions/${told.id}/actions/order_status`, {
      attributes: { order_id: '4711' },
    });
    expect(inSession).toMatchObject({ status: 200, body: { success: true, outputs: { order_state: 'on its way' } } });

    phone.hangUp();
    await phone.done;
    await until(
      'the end of the session',
      async () => ((await api('GET', `/v1/sessions/${told.id}`)).body as Detail).status === 'ended',
    );
    const late = await api('POST', '/v1/actions/order_status/execute', { sessionId: told.id, attributes: {} });
    expect(late).toMatchObject({ status: 409, body: { code: 'session_ended' } });
    const lateHeaders = await api('PUT', `/v1/sessions/${told.id}/headers`, { headers: {} });
    expect(lateHeaders.status).toBe(409);
  });

  it('one that outlives its call is in the history, and the session stays as it ended', async () => {
    let answer: () => void = () => {};
    shop.respond = (_request, response) => {
      answer = () => void response.end('{"status":"late"}');
    };
    const phone = dial({ sipPort: gateway.sipPort });
    await until('the request', () => shop.requests.length > 0);
    const { id } = await liveSession();
    phone.hangUp();
    await phone.done;
    const ended = () => api('GET', `/v1/sessions/${id}`) as Promise<{ body: Detail }>;
    await until('the end of the session', async () => (await ended()).body.status === 'ended');
    answer();
    const runs = await until('the run', async () => {
      const { body } = await api('GET', `/v1/runs?session=${id}`);
      const { items } = body as { items: { success: boolean }[] };
      return items.length > 0 ? items : null;
    });
    expect(runs).toMatchObject([{ success: true }]);
    expect((await ended()).body.timeline.at(-1)?.type).toBe('call.ended');
    expect(gateway.log().filter((line) => line.level === 'error')).toEqual([]);
  });

  it('a connection to the target is open before the first step asks for it', async () => {
    shop.respond = (_request, response) => void response.end('{"status":"slow"}');
    const accepted = shop.accepted();
    const phone = dial({ sipPort: gateway.sipPort });
    await until('the request', () => shop.requests.length > 0);
    // Warmed or reused: never more than the one connection.
    expect(shop.accepted() - accepted).toBeLessThanOrEqual(1);
    phone.hangUp();
    await phone.done;
  });
});
