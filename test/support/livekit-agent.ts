/** A test agent: a participant of kind agent in a process of its own (livekit-agent-child.ts). */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { entryUrl } from '../../src/core/entry-path.js';
import { until } from './until.js';

export type AgentSound = {
  /** Null: a track that never says anything. */
  readonly hz: number | null;
  readonly sampleRate?: number;
  readonly queueMs?: number;
  /** Another tone that it begins with. */
  readonly opening?: { readonly hz: number; readonly ms: number };
};

export type AgentOrder =
  | { readonly type: 'join'; readonly url: string; readonly token: string }
  | { readonly type: 'publish'; readonly sound: AgentSound }
  /** Stops speaking, as an interrupted agent does. */
  | { readonly type: 'hush' }
  | { readonly type: 'unpublish' }
  | { readonly type: 'levels'; readonly hz: number }
  /** Clicks that were heard, by the time all processes of a machine share, ms since 1970. */
  | { readonly type: 'clicks' }
  /** Sends so many clicks on a track of their own; answered with when each was sent. */
  | { readonly type: 'click'; readonly count: number; readonly everyMs: number }
  | { readonly type: 'caller' }
  | {
      readonly type: 'rpc';
      readonly method: string;
      readonly payload?: string;
      readonly size?: number;
      readonly timeout?: number;
    }
  | {
      readonly type: 'flood';
      readonly method: string;
      readonly payload: string;
      readonly perSecond: number;
      readonly forMs: number;
    }
  | { readonly type: 'dtmf'; readonly code: number; readonly digit: string }
  /** The key 1, so many times as fast as it goes. */
  | { readonly type: 'keys'; readonly count: number }
  /** Publishes so many tracks that say nothing. */
  | { readonly type: 'tracks'; readonly count: number }
  | { readonly type: 'leave' };

export type AgentEvent =
  | { readonly type: 'ready' | 'subscribed' | 'speaking' | 'caller-left' | 'disconnected' }
  | { readonly type: 'dtmf'; readonly code: number; readonly digit: string }
  | { readonly type: 'trouble'; readonly message: string }
  | { readonly type: 'done'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };

export type RpcAnswer =
  | { readonly ok: true; readonly payload: string }
  | { readonly ok: false; readonly code: number; readonly message: string; readonly data?: string };

export type TestAgent = {
  readonly pid: number;
  readonly alive: () => boolean;
  /** Of the room it was last told to join. */
  readonly events: readonly AgentEvent[];
  /** The first event of the type, past or future. */
  event<Type extends AgentEvent['type']>(type: Type, timeout?: number): Promise<Extract<AgentEvent, { type: Type }>>;
  /** Rejects when the agent cannot do it. */
  order(order: AgentOrder): Promise<unknown>;
  rpc(method: string, args?: unknown, timeout?: number): Promise<RpcAnswer>;
  levels(hz: number): Promise<{ readonly tone: number; readonly total: number; readonly frames: number }>;
  /** The first of the others in the room; waits for them. */
  caller(): Promise<{
    readonly identity: string;
    readonly name: string;
    readonly kind: number;
    readonly attributes: Readonly<Record<string, string>>;
    readonly metadata: string;
  }>;
  /** Ends the process without leaving the room. */
  kill(): Promise<void>;
};

export const startAgent = async (): Promise<TestAgent> => {
  const child = spawn(process.execPath, [fileURLToPath(entryUrl(import.meta.url, './livekit-agent-child.js'))], {
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const events: AgentEvent[] = [];
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let lastId = 0;
  child.on('message', (event: AgentEvent) => {
    if (event.type !== 'done' && event.type !== 'failed') {
      events.push(event);
      return;
    }
    const one = waiting.get(event.id);
    waiting.delete(event.id);
    if (event.type === 'done') one?.resolve(event.value);
    else one?.reject(new Error(event.message));
  });
  void exited.then(() => {
    for (const one of waiting.values()) one.reject(new Error(`the agent ended:\n${output.slice(-2_000)}`));
  });
  const agent: TestAgent = {
    pid: child.pid ?? 0,
    alive: () => child.exitCode === null && child.signalCode === null,
    events,
    event: async (type, timeout) =>
      (await until(
        `the agent's event ${type}`,
        () => events.find((event) => event.type === type) ?? null,
        timeout,
      )) as never,
    order: (order) =>
      new Promise((resolve, reject) => {
        if (order.type === 'join') events.length = 0;
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        child.send({ id: lastId, order });
      }),
    rpc: async (method, args, timeout) =>
      (await agent.order({
        ...{ type: 'rpc', method, payload: args === undefined ? '' : JSON.stringify(args) },
        ...(timeout === undefined ? {} : { timeout }),
      })) as RpcAnswer,
    levels: async (hz) => (await agent.order({ type: 'levels', hz })) as Awaited<ReturnType<TestAgent['levels']>>,
    caller: () =>
      until(
        'somebody else in the room',
        async () => (await agent.order({ type: 'caller' })) as Awaited<ReturnType<TestAgent['caller']>> | null,
        20_000,
      ),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
  await agent.event('ready', 20_000);
  return agent;
};
