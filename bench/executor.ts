import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { systemClock } from '../src/core/clock.js';
import { entryUrl } from '../src/core/entry-path.js';
import { silentLogger } from '../src/core/logger.js';
import { createActionExecutor, createUserAttributes, parseAction } from '../src/domain/actions/index.js';
import { createEgressClient, createEgressPolicy, parseAllowList } from '../src/platform/egress/index.js';
import { type Bench, type BenchRow, median, percentile, round } from './bench.js';

const rounds = 7;
const requestsPerRound = 6_000;
const singleRequests = 1_000;
const warmUpRounds = 4;
const concurrency = 50;

type Round = { readonly perSecond: number; readonly cpuMicros: number; readonly p50: number; readonly p99: number };

/** Runs `total` calls, `width` at a time. */
const measure = async (call: () => Promise<void>, total: number, width: number): Promise<Round> => {
  const latencies: number[] = [];
  let left = total;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const begin = performance.now();
      await call();
      latencies.push(performance.now() - begin);
    }
  };
  const before = process.cpuUsage();
  const begin = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  const took = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: (total / took) * 1000,
    cpuMicros: (user + system) / total,
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
  };
};

const startTarget = async (): Promise<{ child: ChildProcess; port: number; authority: string }> => {
  const child = fork(fileURLToPath(entryUrl(import.meta.url, './executor-target-child.js')));
  const [message] = (await once(child, 'message')) as [{ port: number; authority: string }];
  return { child, ...message };
};

/**
 * An action from end to end (arguments checked, headers in layers, an HMAC for authentication, the response mapped, the
 * run recorded) beside `Pool.request` with `JSON.parse` on the same target, alternating.
 */
export const executorBench: Bench = {
  name: 'executor',
  id: 'P5',
  title: 'Executor: an action over HTTPS keep-alive',
  run: async (log) => {
    const { child, port, authority } = await startTarget();
    const origin = `https://localhost:${port}`;
    const pool = new Pool(origin, { connections: concurrency, connect: { ca: authority }, keepAliveTimeout: 60_000 });
    const http = createEgressClient({
      policy: createEgressPolicy({ allow: parseAllowList(`localhost|127.0.0.0/8|${port}`) }),
      extraAuthorities: [authority],
      maxConnectionsPerOrigin: concurrency,
    });
    let recorded = 0;
    const executor = createActionExecutor({
      http,
      clock: systemClock,
      log: silentLogger,
      variables: { read: async () => new Map([['X-Api-Key', 'key-of-the-organization']]) },
      secrets: { read: async (_organization, names) => new Map(names.map((name) => [name, 'a secret of the vault'])) },
      certificates: { read: async () => undefined },
      runs: {
        record: () => {
          recorded += 1;
        },
      },
    });
    const definition = {
      name: 'Order status',
      method: 'POST',
      url: `${origin}/orders/{order_id}?tier={tier}`,
      headers: { 'X-Request': 'order {order_id}' },
      body: { order: '{order_id}', count: '{count}', note: 'for {session.caller}' },
      parameters: {
        type: 'object',
        properties: { order_id: { type: 'string' }, count: { type: 'integer' } },
        required: ['order_id'],
      },
      response: {
        '2xx': { outputs: { state: 'status', city: 'customer.address.city', total: 'sum(order.lines[].count)' } },
      },
    };
    const plain = parseAction(definition);
    const signed = parseAction({
      ...definition,
      auth: {
        type: 'header',
        variables: { k: '{secret.k}' },
        headers: { 'X-Signature': 'hmac-sha256({_webhook.body}, {_auth.k})' },
      },
    });
    const organization = {
      id: 'acme',
      uuid: '7b2c1c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c',
      contextHeaders: true,
      globals: {},
    };
    const session = {
      id: '0b8ad5ae-5a2c-4a57-8a2e-4b5d0c7b1f11',
      ticketNumber: 1,
      externalUserId: null,
      fields: { caller: '+14155550123' },
      contact: {},
    };
    const user = createUserAttributes({ tier: 'gold' });
    const run = (action: typeof plain) => async (): Promise<void> => {
      const result = await executor.execute({
        organization,
        action,
        session,
        user,
        args: { order_id: '4711', count: 2 },
      });
      if (!result.success) throw new Error(`the action failed: ${result.error?.message}`);
    };
    const [ours, withSignature] = [run(plain), run(signed)];
    // Byte for byte what the action sends, but for the key of idempotency: both sides ask the same of the target.
    const body = '{"order":"4711","count":2,"note":"for +14155550123"}';
    const headers = {
      'accept-encoding': 'identity',
      'User-Agent': 'OpenCX',
      'Content-Type': 'application/json',
      'Idempotency-Key': '5b0f2c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c',
      'X-Request': 'order 4711',
      'X-Api-Key': 'key-of-the-organization',
      'x-opencx-org-id': organization.uuid,
      'x-opencx-session-id': session.id,
      'x-opencx-ticket-number': '1',
    };
    const theirs = async (): Promise<void> => {
      const { statusCode, body: answer } = await pool.request({
        path: '/orders/4711?tier=gold',
        method: 'POST',
        headers,
        body,
      });
      if (statusCode !== 200 || typeof JSON.parse(await answer.text()) !== 'object')
        throw new Error('the request failed');
    };
    try {
      // Until the compiler is done with all of them: ours is more code, and the first rounds would measure the compiler.
      for (let round = 0; round < warmUpRounds; round += 1) {
        for (const call of [ours, withSignature, theirs]) await measure(call, requestsPerRound, concurrency);
      }
      const many = { ours: [] as Round[], signed: [] as Round[], theirs: [] as Round[] };
      const single = { ours: [] as Round[], theirs: [] as Round[] };
      for (let i = 0; i < rounds; i += 1) {
        many.theirs.push(await measure(theirs, requestsPerRound, concurrency));
        many.ours.push(await measure(ours, requestsPerRound, concurrency));
        many.signed.push(await measure(withSignature, requestsPerRound, concurrency));
        single.theirs.push(await measure(theirs, singleRequests, 1));
        single.ours.push(await measure(ours, singleRequests, 1));
        log(
          `round ${i + 1}: ours ${round(many.ours[i]?.perSecond ?? 0, 0)}/s, Pool.request ${round(many.theirs[i]?.perSecond ?? 0, 0)}/s`,
        );
      }
      const of = (list: readonly Round[], key: keyof Round): number => median(list.map((one) => one[key]));
      const [rate, floor] = [of(many.ours, 'perSecond'), of(many.theirs, 'perSecond')];
      const [cpu, floorCpu] = [of(many.ours, 'cpuMicros'), of(many.theirs, 'cpuMicros')];
      const [p50, floorP50] = [of(single.ours, 'p50'), of(single.theirs, 'p50')];
      const rows: BenchRow[] = [
        {
          what: `actions at concurrency ${concurrency}`,
          ours: `${round(rate, 0)}/s, p99 ${round(of(many.ours, 'p99'))} ms`,
          compared: `Pool.request + JSON.parse: ${round(floor, 0)}/s, p99 ${round(of(many.theirs, 'p99'))} ms`,
          ratio: rate / floor,
          goal: '≥ 0.75',
          met: rate / floor >= 0.75,
        },
        {
          what: 'CPU of one action',
          ours: `${round(cpu, 0)} µs`,
          compared: `${round(floorCpu, 0)} µs`,
          ratio: null,
          goal: '≤ 60 µs added',
          met: cpu - floorCpu <= 60,
        },
        {
          what: 'the same with a secret from the vault and an HMAC-SHA-256 of the body',
          ours: `${round(of(many.signed, 'perSecond'), 0)}/s, ${round(of(many.signed, 'cpuMicros'), 0)} µs`,
          compared: `${round(floor, 0)}/s, ${round(floorCpu, 0)} µs`,
          ratio: of(many.signed, 'perSecond') / floor,
          goal: 'reported',
          met: null,
        },
        {
          what: 'one action at a time',
          ours: `p50 ${round(p50, 3)} ms`,
          compared: `p50 ${round(floorP50, 3)} ms`,
          ratio: null,
          goal: '≤ 0.5 ms added',
          met: p50 - floorP50 <= 0.5,
        },
      ];
      return {
        id: 'P5',
        title: 'Executor: an action over HTTPS keep-alive',
        rows,
        notes: [
          `${rounds} alternating rounds of ${requestsPerRound} requests (${singleRequests} one at a time) after ${warmUpRounds} to warm up; medians. The target is another process on the same machine; both sides send it the same bytes.`,
          `Ours checks arguments, merges six layers of headers, evaluates three JMESPath expressions and records the run (${recorded} recorded).`,
        ],
      };
    } finally {
      await Promise.all([http.close(), pool.destroy()]);
      child.disconnect();
      await once(child, 'exit');
    }
  },
};
