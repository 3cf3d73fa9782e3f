import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentCall, type AgentRig, type Answer, startAgentRig } from '../support/agent-rig.js';
import type { TestGateway } from '../support/gateway.js';
import { until } from '../support/until.js';

let rig: AgentRig;
beforeAll(async () => {
  rig = await startAgentRig();
}, 60_000);
afterAll(() => rig?.close());

type Use = (name: string, args: unknown) => Promise<unknown>;
/** How long it took differs from one to the next. */
const timeless = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (k, v) => (k === 'durationMs' ? 0 : v)));

const restDoor = (
  gateway: TestGateway,
  { sessionId, token }: AgentCall,
): { list: () => Promise<unknown>; use: Use } => {
  const path = `/v1/sessions/${sessionId}/tools`;
  return {
    list: async () => (await rig.rest(gateway, token, 'GET', path)).body.items,
    use: async (name, args) => {
      const { status, body } = await rig.rest(gateway, token, 'POST', `${path}/${name}`, args);
      return status === 200 ? body : { fault: body.message };
    },
  };
};

const mcpDoor = async (
  gateway: TestGateway,
  { token }: AgentCall,
): Promise<{ list: () => Promise<unknown>; use: Use }> => {
  const client = await rig.mcp(gateway, token);
  return {
    list: async () =>
      (await client.listTools()).tools.map(({ name, description, inputSchema }) => ({
        name,
        description,
        parameters: inputSchema,
      })),
    use: async (name, args) => {
      const result = await client.callTool({ name, arguments: args as Record<string, unknown> });
      const [content] = result.content as { text: string }[];
      if (result.structuredContent !== undefined && 'code' in (result.structuredContent as object)) {
        return { fault: content?.text };
      }
      expect(JSON.parse(content?.text ?? '')).toEqual(result.structuredContent);
      return result.structuredContent;
    },
  };
};

const ended = (sessionId: string): Promise<{ endReason: string; timeline: { type: string }[] }> =>
  until('the end of the session', async () => {
    const { body } = await rig.owner.gateway.api(`/v1/sessions/${sessionId}`);
    const session = body as { status: string; endReason: string; timeline: { type: string }[] };
    return session.status === 'ended' ? session : null;
  });

describe('an agent in a call', () => {
  const doors = [
    ['REST on the instance that owns the call', 'owner', 'rest'],
    ['REST on another instance', 'other', 'rest'],
    ['MCP on the instance that owns the call', 'owner', 'mcp'],
    ['MCP on another instance', 'other', 'mcp'],
  ] as const;
  const results: unknown[] = [];

  it.each(doors)(
    'does the same by %s: tools, an action, its failure, a transfer that fails, the end',
    async (_, where, kind) => {
      const call = await rig.call();
      const gateway = where === 'owner' ? rig.owner.gateway : rig.other;
      const door = kind === 'rest' ? restDoor(gateway, call) : await mcpDoor(gateway, call);
      const listed = (await door.list()) as { name: string; parameters: unknown; expectedLatencyMs?: number }[];
      const seen = {
        names: listed.map(({ name }) => name),
        parameters: listed.map(({ parameters }) => parameters),
        action: timeless(await door.use('order_status', { order_id: '4711' })),
        failure: timeless(await door.use('order_status', { order_id: '1' })),
        argument: await door.use('send_dtmf', { digits: '1w2' }),
        keys: await door.use('send_dtmf', { digits: '1#' }),
        transfer: await door.use('transfer_call', { destination: 'A busy line', summary: 'Order 4711' }),
        stranger: await door.use('transfer_call', { destination: 'owner' }),
        end: await door.use('end_call', { reason: 'done' }),
      };
      const session = await ended(call.sessionId);
      results.push({ ...seen, endReason: session.endReason });
      expect(results.at(-1)).toMatchObject({
        names: ['transfer_call', 'end_call', 'send_dtmf', 'order_status'],
        action: { success: true, statusCode: 200, outputs: { order_state: 'on its way to the moon' } },
        failure: { success: false, statusCode: 404 },
        argument: { fault: expect.stringContaining('digits must be 1 to 64') },
        keys: {},
        transfer: { outcome: 'busy', sipStatus: 486 },
        stranger: { outcome: 'failed', reason: 'The agent has no destination "owner".' },
        end: {},
        endReason: 'agent-hangup',
      });
      expect(results.at(-1)).toEqual(results[0]);
      expect(session.timeline.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['action.run', 'dtmf.sent', 'transfer.failed', 'call.ended']),
      );
      // The token died with the session, on every instance and by every door.
      for (const instance of [rig.owner.gateway, rig.other]) {
        const path = `/v1/sessions/${call.sessionId}`;
        expect((await rig.rest(instance, call.token, 'GET', `${path}/tools`)).status).toBe(401);
        expect((await rig.rest(instance, call.token, 'POST', `${path}/transfer`, { destination: 'desk' })).status).toBe(
          401,
        );
        await expect(rig.mcp(instance, call.token)).rejects.toThrow(/session has ended/);
      }
      await call.phone.done;
    },
  );

  it('hands the caller over by MCP, hears how far it is, and is told that it is done', async () => {
    const call = await rig.call();
    const client = await rig.mcp(rig.other, call.token);
    const result = await client.callTool(
      { name: 'transfer_call', arguments: { destination: 'desk' } },
      undefined,
      // Asking for progress makes the answer a stream.
      { onprogress: () => {}, resetTimeoutOnProgress: true },
    );
    expect(result.structuredContent).toMatchObject({ outcome: 'connected', sipStatus: 200 });
    await rig.desk.hangUp();
    expect(await ended(call.sessionId)).toMatchObject({ endReason: 'destination-hangup' });
    await call.phone.done;
  });

  it('has the routes of the contract, with its own destinations and actions only', async () => {
    const call = await rig.call();
    const path = `/v1/sessions/${call.sessionId}`;
    const ask = (method: string, suffix: string, body?: unknown): Promise<Answer> =>
      rig.rest(rig.other, call.token, method, `${path}${suffix}`, body);
    expect(await ask('POST', '/actions/order_status', { attributes: { order_id: '4711' } })).toMatchObject({
      status: 200,
      body: { success: true, outputs: { order_state: 'on its way to the moon' } },
    });
    expect((await ask('POST', '/actions/secret_ledger', { attributes: {} })).status).toBe(404);
    expect((await ask('POST', '/actions/end_call', { attributes: {} })).status).toBe(404);
    expect((await ask('POST', '/tools/secret_ledger', {})).status).toBe(404);
    expect(await ask('POST', '/transfer', { destination: 'owner' })).toMatchObject({
      status: 404,
      body: { message: 'The agent has no destination "owner".' },
    });
    const attempt = await ask('POST', '/transfer?wait=1', { destination: 'busy' });
    expect(attempt).toMatchObject({ status: 200, body: { state: 'done', outcome: 'busy', sipStatus: 486 } });
    expect(await ask('GET', '/transfer')).toMatchObject({ status: 200, body: { id: attempt.body.id } });
    expect((await ask('POST', '/dtmf', { digits: '12' })).status).toBe(204);
    // What is not an agent's.
    for (const [method, suffix, body] of [
      ['GET', '', undefined],
      ['GET', '/ladder', undefined],
      ['PUT', '/headers', { headers: {} }],
      ['PUT', '/identity', { authenticatedUser: 'x' }],
    ] as const) {
      expect([suffix, (await ask(method, suffix, body)).status]).toEqual([suffix, 403]);
    }
    for (const elsewhere of ['/v1/sessions', '/v1/actions', '/v1/organizations', '/v1/contacts/x', '/v1/runs']) {
      expect([elsewhere, (await rig.rest(rig.other, call.token, 'GET', elsewhere)).status]).toEqual([elsewhere, 403]);
    }
    const execute = await rig.rest(rig.other, call.token, 'POST', '/v1/actions/order_status/execute', {
      sessionId: call.sessionId,
    });
    expect(execute.status).toBe(403);
    expect(await ask('POST', '/hangup')).toMatchObject({ status: 202, body: { id: call.sessionId } });
    expect(await ended(call.sessionId)).toMatchObject({ endReason: 'agent-hangup' });
    await call.phone.done;
  });

  it('keeps card data out of the recording of its call, which only others begin and end', async () => {
    const call = await rig.call();
    const path = `/v1/sessions/${call.sessionId}/recording`;
    const agent = (action: string): Promise<Answer> => rig.rest(rig.other, call.token, 'POST', path, { action });
    const administrator = (action: string) => rig.owner.gateway.api(path, { method: 'POST', body: { action } });
    const [file, second] = [`${call.sessionId}.wav`, `${call.sessionId}-2.wav`];
    expect(await agent('start')).toMatchObject({ status: 403 });
    expect(await agent('pause')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(await administrator('start')).toMatchObject({ status: 200, body: { state: 'recording', file } });
    expect(await agent('pause')).toMatchObject({ status: 200, body: { state: 'paused', file } });
    expect(await agent('stop')).toMatchObject({ status: 403 });
    expect(await agent('resume')).toMatchObject({ status: 200, body: { state: 'recording', file } });
    expect(await administrator('stop')).toMatchObject({ status: 200, body: { state: 'off', file: null } });
    expect(await administrator('start')).toMatchObject({ status: 200, body: { state: 'recording', file: second } });
    expect(await administrator('rewind')).toMatchObject({ status: 400 });
    call.phone.hangUp();
    await call.phone.done;
    const { timeline } = await ended(call.sessionId);
    expect(timeline.map(({ type }) => type).filter((type) => type.startsWith('recording.'))).toEqual([
      ...['recording.started', 'recording.paused', 'recording.resumed', 'recording.stopped'],
      ...['recording.started', 'recording.stopped'],
    ]);
    for (const name of [file, second]) {
      const bytes = readFileSync(join(rig.owner.gateway.dataDir, 'recordings', name));
      expect(bytes.toString('latin1', 0, 4)).toBe('RIFF');
    }
    expect((await administrator('start')).status).toBe(409);
  });

  it('reaches no other session, and no other credential opens MCP', async () => {
    const [mine, theirs] = await Promise.all([rig.call(), rig.call({ from: '+14155550199' })]);
    for (const [method, suffix, body] of [
      ['GET', '/tools', undefined],
      ['POST', '/tools/end_call', {}],
      ['POST', '/transfer', { destination: 'desk' }],
      ['DELETE', '/transfer', undefined],
      ['POST', '/actions/order_status', { attributes: {} }],
      ['POST', '/dtmf', { digits: '1' }],
      ['POST', '/recording', { action: 'pause' }],
      ['POST', '/hangup', undefined],
    ] as const) {
      const path = `/v1/sessions/${theirs.sessionId}${suffix}`;
      expect([path, (await rig.rest(rig.other, mine.token, method, path, body)).status]).toEqual([path, 404]);
    }
    const forged = mine.token.replace(mine.sessionId, theirs.sessionId);
    await expect(rig.mcp(rig.owner.gateway, forged)).rejects.toThrow(/token is not valid/);
    expect((await rig.owner.gateway.api('/mcp', { method: 'POST', body: {} })).status).toBe(403);
    const live = (await rig.owner.gateway.api('/v1/sessions?live=true')).body as { items: unknown[] };
    expect(live.items).toHaveLength(2);
    for (const { phone } of [mine, theirs]) {
      phone.hangUp();
      await phone.done;
    }
  });

  it('is told when its tools change, on an instance that did not change them', async () => {
    const call = await rig.call();
    const client = await rig.mcp(rig.other, call.token);
    const changed = new Promise<void>((resolve) => {
      client.fallbackNotificationHandler = async ({ method }) => {
        if (method === 'notifications/tools/list_changed') resolve();
      };
    });
    // The stream is asked for after the handshake; what happens before it stands is not told.
    await rig.other.waitForLog(({ msg }) => msg === 'A stream of news about tools was opened.');
    await rig.owner.gateway.apply({
      organization: { id: 'acme' },
      transferDestinations: [{ id: 'busy', name: 'The busiest line', type: 'sip', value: 'sip:line@127.0.0.1:9' }],
    });
    await changed;
    const { tools } = await client.listTools();
    expect(JSON.stringify(tools)).toContain('The busiest line');
    call.phone.hangUp();
    await call.phone.done;
  });
});

describe('a hostile agent', () => {
  const post = (token: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${rig.owner.gateway.httpUrl}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const use = (id: number, name: string, args: unknown = {}) => ({
    ...{ jsonrpc: '2.0', id, method: 'tools/call' },
    params: { name, arguments: args },
  });

  it('is answered clearly, whatever it sends', async () => {
    const call = await rig.call();
    const status = async (body: unknown, headers?: Record<string, string>): Promise<number> =>
      (await post(call.token, body, headers)).status;
    expect(await status('x'.repeat(10_000_000))).toBe(413);
    expect(await status(JSON.stringify(use(1, 'end_call')).slice(0, -1))).toBe(400);
    expect(await status('{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{}}')).toBe(400);
    expect(await status(Array.from({ length: 21 }, (_, id) => use(id, 'send_dtmf', { digits: '1' })))).toBe(400);
    expect(await status(use(1, 'end_call'), { accept: 'text/html' })).toBe(406);
    expect(await status(use(1, 'end_call'), { 'content-type': 'text/plain' })).toBe(415);
    expect(await status(use(1, 'end_call'), { 'mcp-protocol-version': '1999-01-01' })).toBe(400);
    expect(await (await post(call.token, use(7, 'drop_tables'))).json()).toEqual({
      ...{ jsonrpc: '2.0', id: 7 },
      error: { code: -32602, message: 'MCP error -32602: Unknown tool "drop_tables".' },
    });
    // Streams of news are few.
    const read = new AbortController();
    const open = (): Promise<Response> =>
      fetch(`${rig.owner.gateway.httpUrl}/mcp`, {
        headers: { authorization: `Bearer ${call.token}`, accept: 'text/event-stream' },
        signal: read.signal,
      });
    const streams = [await open(), await open(), await open()];
    expect(streams.map((stream) => stream.status)).toEqual([200, 200, 429]);
    read.abort();
    await rig.owner.gateway.waitForLog(({ method, path }) => method === 'GET' && path === '/mcp');
    expect(
      (await rig.rest(rig.owner.gateway, call.token, 'POST', `/v1/sessions/${call.sessionId}/hangup`)).status,
    ).toBe(202);
    await call.phone.done;
  });

  it('with hundreds of calls at once is slowed down, and nobody else is', async () => {
    const [hostile, other] = await Promise.all([rig.call(), rig.call({ from: '+14155550198' })]);
    const began = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, id) => {
        const answer = await post(hostile.token, use(id, 'transfer_call', { destination: 'nobody' }));
        return { status: answer.status, text: await answer.text(), retryAfter: answer.headers.get('retry-after') };
      }),
    );
    const seconds = (performance.now() - began) / 1_000;
    const used = answers.filter(({ text }) => text.includes('The agent has no destination'));
    expect(used.length).toBeGreaterThan(0);
    expect(used.length).toBeLessThanOrEqual(30 + 10 * (seconds + 1));
    // The others are told why: by the tools themselves, or before anything was looked at.
    for (const { status, text, retryAfter } of answers.filter((answer) => !used.includes(answer))) {
      if (status === 200) expect(text).toMatch(/Too many tool calls|tool calls are under way/);
      else expect([status, retryAfter]).toEqual([429, expect.any(String)]);
    }
    const path = `/v1/sessions/${other.sessionId}`;
    expect((await rig.rest(rig.owner.gateway, other.token, 'POST', `${path}/dtmf`, { digits: '1' })).status).toBe(204);
    expect((await rig.rest(rig.owner.gateway, other.token, 'POST', `${path}/hangup`)).status).toBe(202);
    expect(await ended(other.sessionId)).toMatchObject({ endReason: 'agent-hangup' });
    hostile.phone.hangUp();
    await hostile.phone.done;
    await other.phone.done;
  });
});

it('a token is nowhere but with its agent, even when the agent sends it about', async () => {
  const call = await rig.call();
  const path = `/v1/sessions/${call.sessionId}`;
  const ask = (suffix: string, body: unknown): Promise<Answer> =>
    rig.rest(rig.other, call.token, 'POST', `${path}${suffix}`, body);
  await ask(`/tools/${call.token.slice(0, 60)}`, {});
  await ask('/tools/order_status', { order_id: call.token });
  await ask('/tools/transfer_call', { destination: call.token });
  await ask('/transfer', { destination: 'busy', summary: call.token });
  await ask(`/actions/${call.token.slice(0, 60)}?token=${call.token}`, { attributes: {} });
  await ask('/tools/end_call', { reason: `my token is ${call.token}` });
  expect((await ask('/hangup', undefined)).status).toBe(202);
  await ended(call.sessionId);
  await call.phone.done;
  const runs = await rig.owner.gateway.api('/v1/runs?limit=100');
  const { items } = runs.body as { items: { id: string }[] };
  const details = await Promise.all(items.map(({ id }) => rig.owner.gateway.api(`/v1/runs/${id}`)));
  const sessions = await Promise.all(
    rig.minted.map((token) => rig.owner.gateway.api(`/v1/sessions/${token.slice(4, 40)}`)),
  );
  const places = {
    owner: rig.owner.gateway.output(),
    other: rig.other.output(),
    runs: JSON.stringify([runs.body, details.map(({ body }) => body)]),
    sessions: JSON.stringify(sessions.map(({ body }) => body)),
    redis: readdirSync(rig.redis.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join('\n'),
  };
  for (const token of rig.minted) {
    // Also the secret alone, and the beginning that was used in a path.
    for (const canary of [token.slice(41), token.slice(41, 60)]) {
      const found = Object.entries(places).filter(([, text]) => text.includes(canary));
      expect(found.map(([place]) => place)).toEqual([]);
    }
  }
});
