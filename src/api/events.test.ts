import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestApi, type TestApi, type TestApiParts } from '../../test/support/api.js';
import { until } from '../../test/support/until.js';
import { systemClock } from '../core/clock.js';
import { silentLogger } from '../core/logger.js';
import {
  createSessionEvents,
  createSessionStore,
  type SessionEvents,
  type SessionStoreRuntime,
} from '../domain/sessions/index.js';
import { connectRedis, type RedisConnection } from '../platform/redis/index.js';
import { mcpRoutes } from './mcp/routes.js';
import { eventRoutes } from './routes/events.js';

let api: TestApi;
let events: SessionEvents;
const closing = new AbortController();
const most = { credential: 20, organization: 30, all: 2_000 };
/** Credentials that begin with `slow_` are looked up when this has come. */
let lookedUp: Promise<void> = Promise.resolve();
let slowAgents = '';
let asked = 0;
/** Another instance of the gateway, on the same Redis. */
let elsewhere: SessionStoreRuntime;
let connection: RedisConnection;

beforeAll(async () => {
  api = await startTestApi({
    more: ({ deps, redis }: TestApiParts) => {
      events = createSessionEvents({ redis, clock: systemClock, log: deps.log });
      deps.access.register(async (credential) => {
        if (!credential.startsWith('slow_')) return null;
        asked += 1;
        await lookedUp;
        const common = { orgId: 'acme', scopes: null, sub: credential };
        return credential === 'slow_agent'
          ? { ...common, kind: 'session', role: 'agent', sessionId: slowAgents }
          : { ...common, kind: 'api-key', role: 'admin' };
      });
      return [...eventRoutes(deps, events, closing.signal, most), ...mcpRoutes(deps, closing.signal)];
    },
  });
  connection = connectRedis({ socketPath: api.server.socketPath, log: silentLogger });
  await connection.ready(5_000);
  elsewhere = createSessionStore({ redis: connection, instanceId: randomUUID(), log: silentLogger });
  await elsewhere.start();
});
afterAll(async () => {
  await elsewhere?.stop(500);
  await connection?.close();
  await api?.close();
});
beforeEach(async () => {
  api.directory.directory.forget();
  const path = `${api.url}/v1/organizations/acme/document`;
  const headers = { authorization: `Bearer ${api.adminToken}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ organization: { id: 'acme', name: 'acme' }, agents: [] });
  expect((await fetch(path, { method: 'PUT', headers, body })).status).toBe(200);
});

type Event = {
  readonly id: string;
  readonly event: string;
  readonly data: { sessionId: string; data: { n?: number } };
};
type Stream = {
  readonly status: number;
  readonly seen: readonly Event[];
  readonly ended: () => boolean;
  close(): void;
};

const open = async (
  path: string,
  options: { lastEventId?: string; role?: 'viewer' | 'editor'; org?: string } = {},
): Promise<Stream> => {
  const abort = new AbortController();
  const { lastEventId, role = 'viewer', org = 'acme' } = options;
  const response = await fetch(`${api.url}${path}`, {
    headers: {
      authorization: `Bearer ${await api.token(role, org)}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: abort.signal,
  });
  const seen: Event[] = [];
  let ended = false;
  let text = '';
  const read = async (): Promise<void> => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map((line) => [line.split(': ', 1)[0], line.replace(/^[^:]*: /, '')]));
        const [event, data] = [fields.get('event'), fields.get('data')];
        if (event !== undefined && data !== undefined)
          seen.push({ id: fields.get('id') ?? '', event, data: JSON.parse(data) });
      }
    }
  };
  read().then(
    () => (ended = true),
    () => (ended = true),
  );
  return { status: response.status, seen, ended: () => ended, close: () => abort.abort() };
};
const numbers = (stream: Stream): unknown[] =>
  stream.seen.filter(({ event }) => event === 'agent.said').map(({ data }) => data.data.n);
const count = (n: number): number[] => Array.from({ length: n }, (_, at) => at);

it('a session is told from its beginning, from any instance, and goes on where it was left', async () => {
  const session = await elsewhere.create({
    ...{ id: randomUUID(), orgId: 'acme', agentId: 'a', direction: 'inbound', called: '+14155550100' },
    caller: { e164: null, raw: '', display: null, withheld: true },
    ...{ sipCallId: randomUUID(), profile: 'local', startedAt: Date.now(), linkContact: false },
    first: { at: Date.now(), type: 'call.received', data: {} },
  });
  session.note('agent.said', { n: 0 });
  const path = `/v1/sessions/${session.id}/events`;
  const first = await open(path);
  await until('what was there', () => numbers(first).length === 1);
  expect(first.seen[0]).toMatchObject({ event: 'call.received', data: { sessionId: session.id } });
  session.note('agent.said', { n: 1 });
  session.note('agent.said', { n: 2 });
  await until('what came', () => numbers(first).length === 3);
  first.close();
  // Nobody reads now.
  session.note('agent.said', { n: 3 });
  const again = await open(path, { lastEventId: first.seen.at(-1)?.id ?? '' });
  session.note('agent.said', { n: 4 });
  await until('the rest', () => numbers(again).length === 2);
  expect([...numbers(first), ...numbers(again)]).toEqual(count(5));
  again.close();
  expect((await open(path, { org: 'globex' })).status).toBe(404);
  expect((await open(path, { lastEventId: 'x' })).status).toBe(400);
});

it('an organization hears of its sessions only, and misses nothing between two connections', {
  timeout: 60_000,
}, async () => {
  const mine = await api.session();
  const other = await api.session({ orgId: 'globex' });
  const first = await open('/v1/events');
  expect(first.status).toBe(200);
  // What happened before is not told; the stream stands once the answer's headers are here, and then the first read.
  await until('the stream to stand', () => {
    mine.note('agent.said', { n: -1 });
    return numbers(first).length > 0;
  });
  await mine.change({});
  const sent = count(300);
  const tell = (some: readonly number[]): void => {
    for (const n of some) {
      mine.note('agent.said', { n });
      other.note('agent.said', { n: 1_000 + n });
    }
  };
  tell(sent.slice(0, 150));
  await until('the first of them', () => numbers(first).filter((n) => Number(n) >= 0).length >= 100, 30_000);
  // However many of the first half it has by now, the second comes while nobody reads.
  const seen = [...first.seen];
  first.close();
  tell(sent.slice(150));
  const again = await open('/v1/events', { lastEventId: seen.at(-1)?.id ?? '' });
  await until('all of them', () => numbers(again).at(-1) === 299, 30_000);
  const all = [...seen, ...again.seen].filter(({ event }) => event === 'agent.said').map(({ data }) => data.data.n);
  expect(all.filter((n) => Number(n) >= 0)).toEqual(sent);
  expect([...seen, ...again.seen].every(({ data }) => data.sessionId === mine.id)).toBe(true);
  again.close();
});

it('one that comes back too late is told that it missed something', async () => {
  const session = await api.session();
  const stream = await open('/v1/events', { lastEventId: '1-1' });
  session.note('agent.said', { n: 0 });
  await until('the event', () => numbers(stream).includes(0));
  expect(stream.seen[0]?.event).toBe('gap');
  stream.close();
});

it('a reader that does not read is let go instead of filling the memory', async () => {
  const session = await api.session();
  const abort = new AbortController();
  const following = events.follow({ orgId: 'acme', sessionId: session.id, after: null }, abort.signal);
  expect(await following.next()).toMatchObject({ value: [{ type: 'call.received' }] });
  for (const n of count(1_500)) session.note('agent.said', { n });
  await until('all to be told', async () => (await api.sessions.timeline('acme', session.id)).length > 1_500);
  // Told, not read: what waits is bounded, and the reader is sent away to come again with its last id.
  const rest: unknown[] = [];
  for await (const told of following) {
    for (const event of told) if (event !== 'quiet' && event !== 'gap') rest.push(event.data);
  }
  expect(rest.length).toBeLessThanOrEqual(1_000);
  expect(rest[0]).toEqual({ n: 0 });
});

it('a client that leaves while its credential is looked up takes no place', { timeout: 60_000 }, async () => {
  slowAgents = (await api.session()).id;
  let found = (): void => {};
  lookedUp = new Promise((resolve) => (found = resolve));
  const left = new AbortController();
  const ask = (path: string, credential: string): Promise<Response> =>
    fetch(`${api.url}${path}`, {
      headers: { authorization: `Bearer ${credential}`, accept: 'text/event-stream' },
      signal: left.signal,
    });
  const places = [
    ...count(most.credential).map(() => ['/v1/events', 'slow_key'] as const),
    ...count(2).map(() => ['/mcp', 'slow_agent'] as const),
  ];
  const gone = (): number => api.lines.filter((line) => line.includes('"finished":false')).length;
  const before = gone();
  const sent = places.map(([path, credential]) => ask(path, credential).catch(() => null));
  await until('all to be asked', () => asked === places.length, 30_000);
  left.abort();
  expect(new Set(await Promise.all(sent))).toEqual(new Set([null]));
  await until('all to be gone', () => gone() - before === places.length, 30_000);
  found();
  const reading = new AbortController();
  const answers = await Promise.all(
    places.map(([path, credential]) =>
      fetch(`${api.url}${path}`, {
        headers: { authorization: `Bearer ${credential}`, accept: 'text/event-stream' },
        signal: reading.signal,
      }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(places.map(() => 200));
  reading.abort();
});

it('streams are few for one credential and for one organization, and all end when the gateway does', async () => {
  const streams = await Promise.all(count(20).map(() => open('/v1/events')));
  expect(streams.map(({ status }) => status)).toEqual(count(20).map(() => 200));
  expect((await open('/v1/events')).status).toBe(429);
  const colleagues = await Promise.all(count(10).map(() => open('/v1/events', { role: 'editor' })));
  expect(colleagues.map(({ status }) => status)).toEqual(count(10).map(() => 200));
  expect((await open('/v1/events', { role: 'editor' })).status).toBe(429);
  // Another organization has its own.
  streams.push(...colleagues, await open('/v1/events', { org: 'globex' }));
  expect(streams.at(-1)?.status).toBe(200);
  streams[0]?.close();
  await until('a place', async () => {
    const more = await open('/v1/events');
    if (more.status !== 200) return false;
    streams.push(more);
    return true;
  });
  closing.abort();
  await until('their end', () => streams.every((stream) => stream.ended()));
});
