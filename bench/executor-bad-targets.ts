import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../src/core/clock.js';
import { entryUrl } from '../src/core/entry-path.js';
import { silentLogger } from '../src/core/logger.js';
import {
  type CompiledAction,
  createActionExecutor,
  createUserAttributes,
  parseAction,
} from '../src/domain/actions/index.js';
import { createEgressClient, createEgressPolicy, parseAllowList } from '../src/platform/egress/index.js';
import { badBehaviours } from '../test/support/bad-targets.js';
import { type Bench, median, percentile, round } from './bench.js';

const calls = 10_000;
/** Compiles the code and fills what is bounded: pools, names, sessions of TLS. */
const warmUp = 2_000;
const width = 100;
/** Of the calls to targets that never end; the others are stopped by their caps, and have time for it. */
const shortLimit = 0.2;
const longLimit = 30;

type Look = { readonly heap: number; readonly external: number; readonly resources: ReadonlyMap<string, number> };

const collector = (): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
};

/** What is held once everything that could be given back has been. */
const look = async (collect: () => void): Promise<Look> => {
  for (let pass = 0; pass < 5; pass += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { heapUsed, external } = process.memoryUsage();
  const resources = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) resources.set(name, (resources.get(name) ?? 0) + 1);
  return { heap: heapUsed, external, resources };
};

const shown = (resources: ReadonlyMap<string, number>): string =>
  [...resources].map(([name, count]) => `${count} ${name}`).join(', ') || 'none';

/** 10,000 calls to targets that do everything wrong, and what they leave behind in a gateway that goes on. */
export const executorBadTargetsBench: Bench = {
  name: 'executor-bad-targets',
  id: 'P5',
  title: 'Executor: what bad targets leave behind',
  run: async (log) => {
    const collect = collector();
    const child = fork(fileURLToPath(entryUrl(import.meta.url, './bad-targets-child.js')));
    const [{ port, stallingPort, authority }] = (await once(child, 'message')) as [
      { port: number; stallingPort: number; authority: string },
    ];
    const http = createEgressClient({
      policy: createEgressPolicy({ allow: parseAllowList('localhost|127.0.0.0/8|*') }),
      extraAuthorities: [authority],
    });
    let recorded = 0;
    const executor = createActionExecutor({
      ...{ http, clock: systemClock, log: silentLogger },
      variables: { read: async () => new Map([['X-Api-Key', 'key-of-the-organization']]) },
      secrets: { read: async () => new Map() },
      certificates: { read: async () => undefined },
      runs: {
        record: () => {
          recorded += 1;
        },
      },
    });
    const actionTo = (url: string, timeout: number): CompiledAction =>
      parseAction({ name: 'Bad target', method: 'POST', url, body: { a: 1 }, limits: { timeout } });
    const targets = [
      ...badBehaviours.map(({ what, error }, index) => ({
        what,
        error: error as string,
        action: actionTo(`https://localhost:${port}/${index}`, error === 'timeout' ? shortLimit : longLimit),
      })),
      {
        what: 'stalls in the TLS handshake',
        error: 'timeout',
        action: actionTo(`https://localhost:${stallingPort}/`, shortLimit),
      },
    ];
    const organization = {
      ...{ id: 'acme', uuid: '7b2c1c1e-6f0a-4b9e-9a53-1f3d4e5a6b7c', contextHeaders: false, globals: {} },
    };
    const user = createUserAttributes();
    const late: number[] = [];
    const otherwise = new Map<string, number>();
    const make = async (total: number): Promise<void> => {
      let left = total;
      const worker = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const target = targets[left % targets.length];
          if (target === undefined) return;
          const { success, error, durationMs } = await executor.execute({
            organization,
            action: target.action,
            user,
            args: {},
          });
          if (success || error?.code !== target.error) {
            const ending = `${target.what}: ${error?.code ?? 'success'}`;
            otherwise.set(ending, (otherwise.get(ending) ?? 0) + 1);
          }
          if (target.error === 'timeout') late.push(durationMs - shortLimit * 1_000);
        }
      };
      await Promise.all(Array.from({ length: width }, worker));
    };
    try {
      await make(warmUp);
      const before = await look(collect);
      log(`before: ${round(before.heap / 1e6)} MB heap, ${shown(before.resources)}`);
      late.length = 0;
      await make(calls);
      const after = await look(collect);
      log(`after: ${round(after.heap / 1e6)} MB heap, ${shown(after.resources)}`);
      await http.close();
      const closed = await look(collect);
      log(`closed: ${shown(closed.resources)}`);
      const growth = after.heap + after.external - before.heap - before.external;
      const sockets = [...closed.resources].filter(([name]) => /TCP|TLS|Timeout/.test(name));
      return {
        id: 'P5',
        title: 'Executor: what bad targets leave behind',
        rows: [
          {
            what: `heap and buffers after ${calls} calls that ended badly, garbage collected`,
            ours: `${round((after.heap + after.external) / 1e6)} MB`,
            compared: `before: ${round((before.heap + before.external) / 1e6)} MB`,
            ratio: (after.heap + after.external) / (before.heap + before.external),
            goal: 'within 5 %',
            met: growth <= 0.05 * (before.heap + before.external),
          },
          {
            what: 'sockets and timers once the client is closed',
            ours: sockets.length === 0 ? 'none' : shown(new Map(sockets)),
            compared: '',
            ratio: null,
            goal: 'none',
            met: sockets.length === 0,
          },
          {
            what: 'calls that did not end with the error of their target',
            ours: shown(otherwise),
            compared: '',
            ratio: null,
            goal: 'none',
            met: otherwise.size === 0,
          },
          {
            what: `${late.length} calls to targets that never end, ${width} at a time: time past the deadline`,
            ours: `median ${round(median(late), 1)} ms, p99 ${round(percentile(late, 99), 1)} ms`,
            compared: '',
            ratio: null,
            goal: 'reported',
            met: null,
          },
        ],
        notes: [
          `${targets.length} behaviours in turn: ${targets.map(({ what }) => what).join(', ')}. ${recorded} runs recorded, ${warmUp} of them to warm up. The targets are another process.`,
        ],
      };
    } finally {
      await http.close();
      child.disconnect();
      await once(child, 'exit');
    }
  },
};
