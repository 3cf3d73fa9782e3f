import { randomBytes } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { silentLogger } from '../../src/core/logger.js';
import { createSessionTokens, type SessionTokens } from '../../src/platform/access/index.js';
import { connectRedis, type RedisConnection } from '../../src/platform/redis/index.js';
import { type ActionGateway, startActionGateway } from './action-gateway.js';
import { startGateway, type TestGateway } from './gateway.js';
import { dial, type Phone } from './phone.js';
import { type RawPeer, rawReply, startRawPeer } from './raw-peer.js';
import { startTestRedis, type TestRedis } from './redis.js';
import { rtpPeer } from './rtp-peer.js';
import { type Desk, startDesk } from './sip-in-line.js';
import { until } from './until.js';

/** What an agent gets over HTTP. */
export type Answer = { readonly status: number; readonly body: Record<string, unknown> };

/** A live call and the credential its agent was given. */
export type AgentCall = { readonly sessionId: string; readonly token: string; readonly phone: Phone };

/**
 * Two instances on one Redis, a shop for the actions, a line that is busy and one that answers; calls come to the first
 * instance. The agent is whoever holds a token.
 */
export type AgentRig = {
  readonly redis: TestRedis;
  readonly store: RedisConnection;
  readonly tokens: SessionTokens;
  readonly owner: ActionGateway;
  readonly other: TestGateway;
  readonly desk: Desk;
  /** Every token there was. */
  readonly minted: readonly string[];
  call(options?: { readonly from?: string }): Promise<AgentCall>;
  rest(gateway: TestGateway, token: string, method: string, path: string, body?: unknown): Promise<Answer>;
  /** The SDK's own client, connected; ended by `close`. */
  mcp(gateway: TestGateway, token: string): Promise<Client>;
  close(): Promise<void>;
};

const actions = (origin: string) => [
  {
    name: 'Order status',
    description: 'Looks up where an order is',
    method: 'GET',
    url: `${origin}/orders/{order_id}`,
    parameters: { type: 'object', properties: { order_id: { type: 'string' } }, required: ['order_id'] },
    response: { '2xx': { outputs: { order_state: 'status' } } },
  },
  { name: 'Secret ledger', description: 'No tool of this agent', method: 'GET', url: `${origin}/ledger` },
];

export const startAgentRig = async (): Promise<AgentRig> => {
  const redis = await startTestRedis();
  const env = {
    REDIS_URL: `unix://${redis.socketPath}`,
    ENCRYPTION_KEYS: `k:${randomBytes(32).toString('base64')}`,
    DASHBOARD_JWT_SECRET: randomBytes(32).toString('base64url'),
    LOG_LEVEL: 'trace',
  };
  const owner = await startActionGateway({ env });
  const other = await startGateway({ env: owner.env });
  const busy: RawPeer = await startRawPeer((message, self) => {
    if (message.method === 'INVITE') self.send(rawReply(message, '486 Busy Here'));
  });
  const desk = await startDesk(await rtpPeer({ codec: 'PCMU' }));
  const store = connectRedis({ socketPath: redis.socketPath, log: silentLogger });
  await store.ready(5_000);
  const tokens = createSessionTokens(store);
  const { shop, gateway } = owner;
  shop.respond = (request, response) => {
    const found = request.url === '/orders/4711';
    response
      .writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(found ? { status: 'on its way to the moon' } : { error: 'no such order' }));
  };
  const sip = (id: string, name: string, port: number) => ({
    id,
    name,
    type: 'sip',
    value: `sip:line@127.0.0.1:${port}`,
  });
  await gateway.apply({
    organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
    numbers: [{ number: '+14155550100', agent: 'support', profile: 'local', verified: true }],
    agents: [
      {
        id: 'support',
        name: 'Support',
        actions: ['order_status'],
        transferDestinations: ['busy', 'desk'],
        leg: { type: 'builtin', script: { steps: [{ ask: { digits: 1, timeout: 120 } }] } },
      },
    ],
    transferDestinations: [
      sip('busy', 'A busy line', busy.port),
      sip('desk', 'A desk', desk.port),
      sip('owner', 'Not for the agent', busy.port),
    ],
    actions: actions(shop.origin),
  });
  const clients: Client[] = [];
  const minted: string[] = [];
  return {
    ...{ redis, store, tokens, owner, other, desk, minted },
    async call({ from = '+14155550123' } = {}) {
      const phone = dial({ sipPort: gateway.sipPort, from });
      await phone.answered;
      const found = await until('the session of the call', async () => {
        const { body } = await gateway.api('/v1/sessions?live=true');
        const { items } = body as { items: { id: string; status: string; caller: { e164: string } }[] };
        return items.find(({ status, caller }) => status === 'active' && caller.e164 === from) ?? null;
      });
      const token = await tokens.mint({ orgId: 'acme', sessionId: found.id });
      minted.push(token);
      return { sessionId: found.id, phone, token };
    },
    async rest(where, token, method, path, body) {
      const answer = await where.api(path, {
        method,
        headers: { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body }),
      });
      return { status: answer.status, body: answer.body as Record<string, unknown> };
    },
    async mcp(where, token) {
      const client = new Client({ name: 'test', version: '1' });
      const transport = new StreamableHTTPClientTransport(new URL(`${where.httpUrl}/mcp`), {
        requestInit: { headers: { authorization: `Bearer ${token}` } },
      });
      await client.connect(transport);
      clients.push(client);
      return client;
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await other.stop();
      await owner.close();
      desk.close();
      await desk.phone.close();
      busy.close();
      await store.close();
      await redis.stop();
    },
  };
};
