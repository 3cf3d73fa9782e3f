import { silentLogger } from '../src/core/logger.js';
import { connectRedis, type RedisConnection } from '../src/platform/redis/index.js';
import { startGateway, type TestGateway } from '../test/support/gateway.js';
import { sharedEnvironment } from '../test/support/instances.js';
import { organization } from '../test/support/organization.js';
import { startTestRedis, type TestRedis } from '../test/support/redis.js';
import { type Bench, type BenchRow, median, round } from './bench.js';
import { processTime, wakesOf } from './process-time.js';
import { silentAgent } from './signalling.js';
import { sippCalls } from './sipp-load.js';

const called = '+14155550100';
const sizes = [1, 2, 4] as const;
/** Calls a second over all instances: well below half of two processors. */
const rate = 100;
const seconds = 8;
const rounds = 5;
/**
 * Calls of each instance before anything counts. V8 goes on compiling for some thousand: with 1,500 the one instance, which
 * then gets four times as many in each round, got a third cheaper from the first round to the last.
 */
const warmUp = 4_500;
const warmUpRate = 200;
/** RTP ports of each instance: a port rests after its call. */
const portsOfEach = 2_400;

type Group = {
  readonly size: number;
  readonly gateways: readonly TestGateway[];
  readonly redis: TestRedis;
  readonly store: RedisConnection;
};
/**
 * Of one call: processor time of the instances and of Redis, ms; how often threads of the instances were woken up; commands
 * that Redis carried out, those in scripts too.
 */
type Cost = {
  readonly cpu: number;
  readonly wakes: number;
  readonly redisCpu: number;
  readonly commands: number;
  readonly failed: number;
};

const startGroup = async (size: number): Promise<Group> => {
  const redis = await startTestRedis();
  const env = { ...sharedEnvironment(`unix://${redis.socketPath}`), LOG_LEVEL: 'warn' };
  const gateways = await Promise.all(
    Array.from({ length: size }, (_, index) => {
      const first = 10_000 + (size - 1 + index) * portsOfEach;
      return startGateway({ env: { ...env, RTP_PORTS: `${first}-${first + portsOfEach - 1}` } });
    }),
  );
  await gateways[0]?.apply(organization(silentAgent));
  const store = connectRedis({ socketPath: redis.socketPath, log: silentLogger });
  await store.ready(10_000);
  return { size, gateways, redis, store };
};
const stopGroup = async ({ gateways, redis, store }: Group): Promise<void> => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await store.close();
  await redis.stop();
};

const commandsOf = async (store: RedisConnection): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(String(await store.command('INFO', 'stats')))?.[1] ?? Number.NaN);

/** `seconds` of calls, the same rate in sum whatever the number of instances. */
const measure = async (group: Group): Promise<Cost> => {
  const { gateways, redis, store } = group;
  const cpu = (): number => gateways.reduce((sum, { pid }) => sum + processTime(pid), 0);
  const wakes = (): number => gateways.reduce((sum, { pid }) => sum + wakesOf(pid), 0);
  const [cpuBefore, wakesBefore] = [cpu(), wakes()];
  const [redisBefore, commandsBefore] = [processTime(redis.pid()), await commandsOf(store)];
  const loads = await Promise.all(
    gateways.map(({ sipPort }) => sippCalls({ sipPort, rate: rate / group.size, seconds, holdMs: 0, called })),
  );
  // What a call leaves to be written lingers for some ms.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const calls = loads.reduce((sum, { ok }) => sum + ok, 0);
  return {
    cpu: (cpu() - cpuBefore) / calls,
    wakes: (wakes() - wakesBefore) / calls,
    redisCpu: (processTime(redis.pid()) - redisBefore) / calls,
    commands: ((await commandsOf(store)) - commandsBefore) / calls,
    failed: loads.reduce((sum, { failed }) => sum + failed, 0),
  };
};

/** Processor time of an instance without calls, ms a second. */
const idleTime = async ({ gateways }: Group): Promise<number> => {
  const before = gateways.map(({ pid }) => processTime(pid));
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const spent = gateways.reduce((sum, { pid }, index) => sum + processTime(pid) - (before[index] ?? 0), 0);
  return spent / 5 / gateways.length;
};

export const scaleOutBench: Bench = {
  name: 'scale-out',
  id: 'P10',
  title: 'scale-out: what a call costs on 1, 2 and 4 instances on one Redis',
  async run(log) {
    const groups: Group[] = [];
    try {
      for (const size of sizes) groups.push(await startGroup(size));
      for (const { gateways } of groups) {
        for (const { sipPort } of gateways) {
          await sippCalls({ sipPort, rate: warmUpRate, seconds: warmUp / warmUpRate, holdMs: 0, called });
        }
      }
      log('every instance is warm');
      const idle = await idleTime(groups[2] ?? (groups[0] as Group));
      const costs = new Map<number, Cost[]>(sizes.map((size) => [size, []]));
      for (let n = 0; n < rounds; n += 1) {
        for (const group of n % 2 === 0 ? groups : [...groups].reverse())
          costs.get(group.size)?.push(await measure(group));
        const latest = sizes.map((size) => costs.get(size)?.at(-1));
        log(
          `round ${n + 1}: ${latest.map((cost) => `${round(cost?.cpu ?? Number.NaN)} ms, ${round(cost?.commands ?? Number.NaN, 1)} commands`).join('; ')}`,
        );
      }
      const of = (size: number, name: keyof Cost): number => median((costs.get(size) ?? []).map((cost) => cost[name]));
      const compare = (size: number, what: string, name: 'cpu' | 'commands', unit: string): BenchRow => {
        const ratio = of(size, name) / of(1, name);
        return {
          what: `${what} a call, ${size} instances`,
          ours: `${round(of(size, name))}${unit}`,
          compared: `1 instance: ${round(of(1, name))}${unit}`,
          ratio,
          goal: 'within 10 %',
          met: Math.abs(ratio - 1) <= 0.1,
        };
      };
      const failed = [...costs.values()].flat().reduce((sum, cost) => sum + cost.failed, 0);
      return {
        id: 'P10',
        title: scaleOutBench.title,
        rows: [
          ...[2, 4].map((size) => compare(size, 'processor time of all instances', 'cpu', ' ms')),
          ...[2, 4].map((size) => compare(size, 'commands of Redis', 'commands', '')),
          {
            what: 'processor time of Redis a call: 1, 2, 4 instances',
            ours: sizes.map((size) => `${round(of(size, 'redisCpu'))} ms`).join(', '),
            compared: '',
            ratio: null,
            goal: '',
            met: null,
          },
          {
            what: 'threads woken up for a call: 1, 2, 4 instances',
            ours: sizes.map((size) => round(of(size, 'wakes'), 0)).join(', '),
            compared: '',
            ratio: null,
            goal: '',
            met: null,
          },
          {
            what: 'processor time of an instance without calls',
            ours: `${round(idle, 1)} ms a second`,
            compared: `of ${round((idle / rate) * 4, 2)} ms a call is the standing cost of 4 instances at this rate`,
            ratio: null,
            goal: '',
            met: null,
          },
        ],
        notes: [
          `${rate} calls a second in sum, ${rounds} rounds of ${seconds} s, the sizes in turn; ${failed} calls failed. Each size has its own instances and its own redis-server; all were warmed by ${warmUp} calls an instance and stay up throughout.`,
          'Commands of Redis are all it carried out, those inside scripts and the heartbeats included.',
        ],
      };
    } finally {
      for (const group of groups) await stopGroup(group);
    }
  },
};
