import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveKitRig } from '../support/livekit-rig.js';
import { type RawPeer, rawReply, startRawPeer } from '../support/raw-peer.js';
import { orderStatus, type Shop } from '../support/shop.js';
import { type Caller, plainDestination } from '../support/transfer-rig.js';
import { startBot, type TestBot } from '../support/ws-bot.js';

/** One way of an agent to its tools, in a call of its own. A refusal is its sentence. */
type Door = {
  readonly caller: Caller;
  list(): Promise<unknown>;
  use(name: string, args: unknown): Promise<unknown>;
  leave(): Promise<void>;
};
type Tool = { readonly name: string; readonly description: string; readonly parameters: unknown };

/** What every door calls the same; how long an action took differs from one run to the next. */
const comparable = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, one) => (key === 'durationMs' ? 0 : one)));
const plain = ({ name, description, parameters }: Tool): Tool => ({ name, description, parameters });

export const doorsCases = (rigOf: () => LiveKitRig, shopOf: () => Shop): void => {
  describe('the tools of an agent', () => {
    let rig: LiveKitRig;
    let shop: Shop;
    let bot: TestBot;
    let line: RawPeer;
    beforeAll(async () => {
      rig = rigOf();
      shop = shopOf();
      [bot, line] = await Promise.all([
        startBot(),
        startRawPeer((message, self) => {
          if (message.method === 'INVITE') self.send(rawReply(message, '486 Busy Here'));
        }),
      ]);
    });
    afterAll(async () => {
      line?.close();
      await bot?.close();
    });

    const setUp = async (leg: Readonly<Record<string, unknown>>): Promise<void> => {
      await rig.gateway.apply({ organization: { id: 'acme' }, actions: [orderStatus(shop.origin)] });
      await rig.setUp(
        [],
        [{ ...plainDestination, id: 'busy', name: 'A busy line', type: 'sip', value: `sip:d@127.0.0.1:${line.port}` }],
        { leg, fallback: null, actions: ['order_status'] },
      );
    };

    /** A call with a bot; what it is told at the start holds a credential for the other doors as well. */
    const withBot = async () => {
      await setUp({ type: 'websocket', url: bot.url });
      const before = bot.calls.length;
      const caller = await rig.call();
      const call = await bot.call(before);
      const start = await call.until('the start', ({ type }) => type === 'start');
      return { caller, call, start };
    };

    const doors: Readonly<Record<string, () => Promise<Door>>> = {
      REST: async () => {
        const { caller, start } = await withBot();
        const path = `/v1/sessions/${caller.sessionId}/tools`;
        const ask = (suffix: string, init: { method?: string; body?: unknown } = {}) =>
          rig.gateway.api(`${path}${suffix}`, {
            ...init,
            headers: { authorization: `Bearer ${start.credential.token}` },
          });
        return {
          caller,
          list: async () => ((await ask('')).body as { items: Tool[] }).items.map(plain),
          use: async (name, args) => {
            const { status, body } = await ask(`/${name}`, { method: 'POST', body: args });
            return status === 200 ? body : { fault: (body as { message: string }).message };
          },
          leave: async () => {},
        };
      },
      MCP: async () => {
        const { caller, start } = await withBot();
        const client = new Client({ name: 'test', version: '1' });
        await client.connect(
          new StreamableHTTPClientTransport(new URL(`${rig.gateway.httpUrl}/mcp`), {
            requestInit: { headers: { authorization: `Bearer ${start.credential.token}` } },
          }),
        );
        return {
          caller,
          list: async () =>
            (await client.listTools()).tools.map(({ name, description = '', inputSchema }) =>
              plain({ name, description, parameters: inputSchema }),
            ),
          use: async (name, args) => {
            const result = await client.callTool({ name, arguments: args as Record<string, unknown> });
            const [content] = result.content as { text: string }[];
            const value = result.structuredContent as Record<string, unknown> | undefined;
            return value === undefined || 'code' in value ? { fault: content?.text } : value;
          },
          leave: () => client.close(),
        };
      },
      'a WebSocket': async () => {
        const { caller, call, start } = await withBot();
        let asked = 0;
        return {
          caller,
          list: async () => start.tools.map(plain),
          use: async (name, args) => {
            asked += 1;
            const id = `use-${asked}`;
            call.say({ type: 'tool', id, name, arguments: args });
            const answer = await call.until(
              `the answer of ${name}`,
              (said) => said.type === 'tool_result' && said.id === id,
            );
            return answer.ok ? answer.value : { fault: answer.error.message };
          },
          leave: async () => {},
        };
      },
      "LiveKit's RPC": async () => {
        await setUp({ type: 'livekit', agentName: 'support' });
        const { caller, agent } = await rig.talk({ hz: null });
        const use = async (name: string, args?: unknown): Promise<unknown> => {
          const answer = await agent.rpc(name, args);
          return answer.ok ? JSON.parse(answer.payload) : { fault: answer.message };
        };
        return {
          caller,
          list: async () => ((await use('list_tools')) as Tool[]).map(plain),
          // The methods of a participant are fixed when it joins; an action is called by one of them.
          use: (name, args) =>
            name === 'order_status' ? use('execute_action', { name, arguments: args }) : use(name, args),
          leave: async () => {},
        };
      },
    };
    const results: unknown[] = [];

    it.each(Object.keys(doors))(
      'do the same by %s: an action, its failure, a refusal, a transfer, the end',
      async (name) => {
        const door = await (doors[name] as () => Promise<Door>)();
        try {
          const seen = {
            tools: await door.list(),
            action: await door.use('order_status', { order_id: '4711' }),
            failure: await door.use('order_status', { order_id: '1' }),
            missing: await door.use('order_status', {}),
            refusal: await door.use('send_dtmf', { digits: '1w2' }),
            keys: await door.use('send_dtmf', { digits: '1#' }),
            transfer: await door.use('transfer_call', { destination: 'A busy line', summary: 'Order 4711' }),
            stranger: await door.use('transfer_call', { destination: 'owner' }),
            end: await door.use('end_call', { reason: 'done' }),
          };
          await door.caller.ended;
          const { endReason, timeline } = await door.caller.until('the end', ({ status }) => status === 'ended');
          const told = timeline.map(({ type }) => type).filter((type) => /^(action|dtmf|transfer)\./.test(type));
          results.push(comparable({ ...seen, endReason, told }));
        } finally {
          if (door.caller.endedBy() === null) await door.caller.dialog.bye();
          await door.leave();
        }
        expect(results.at(-1)).toMatchObject({
          action: { success: true, statusCode: 200, outputs: { order_state: 'on its way to the moon' } },
          failure: { success: false, statusCode: 404 },
          missing: { success: false },
          refusal: { fault: expect.stringContaining('digits must be 1 to 64') },
          keys: {},
          transfer: { outcome: 'busy', sipStatus: 486 },
          stranger: { outcome: 'failed', reason: 'The agent has no destination "owner".' },
          end: {},
          endReason: 'agent-hangup',
        });
        expect(results.at(-1)).toEqual(results[0]);
      },
    );
  });
};
