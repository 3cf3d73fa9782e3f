import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { entryUrl } from '../src/core/entry-path.js';
import { startGateway, type TestGateway } from '../test/support/gateway.js';
import { organization } from '../test/support/organization.js';
import { type Bench, median, round } from './bench.js';
import { processTime } from './process-time.js';
import { type LoadResult, sippCalls } from './sipp-load.js';

const called = '+14155550100';
const rounds = 5;
const seconds = 5;
const rate = 100;

/** An agent that says nothing and waits: what is left is signalling, session and the opening of media ports. */
export const silentAgent = [{ ask: { digits: 1, timeout: 120 } }];

export const benchGateway = async (env: Readonly<Record<string, string>> = {}): Promise<TestGateway> => {
  const gateway = await startGateway({ env: { LOG_LEVEL: 'warn', RTP_PORTS: '20000-29999', ...env } });
  await gateway.apply(organization(silentAgent));
  return gateway;
};

const startBare = async (): Promise<{ child: ChildProcess; sipPort: number; pid: number }> => {
  const child = fork(fileURLToPath(entryUrl(import.meta.url, './bare-uas-child.js')));
  const [ready] = (await once(child, 'message')) as [{ sipPort: number }];
  return { child, sipPort: ready.sipPort, pid: child.pid ?? 0 };
};

type Side = { readonly sipPort: number; readonly pid: number };
const load = (side: Side, at: number): Promise<LoadResult> =>
  sippCalls({ sipPort: side.sipPort, rate: at, seconds, holdMs: 0, called });

const perCall = async (side: Side): Promise<{ cpu: number; result: LoadResult }> => {
  const before = processTime(side.pid);
  const result = await load(side, rate);
  return { cpu: (processTime(side.pid) - before) / Math.max(1, result.ok), result };
};

const clean = (result: LoadResult): boolean => result.failed === 0 && result.retransmissions === 0;

/** The highest rate without a failed call or a retransmission, in steps of 50. */
const highest = async (side: Side, limit: number, log: (line: string) => void): Promise<number> => {
  let best = 0;
  for (let at = 100; at <= limit; at += 50) {
    const result = await load(side, at);
    log(`${at} calls/s: ${result.ok} ok, ${result.failed} failed, ${result.retransmissions} retransmissions`);
    if (!clean(result)) break;
    best = at;
  }
  return best;
};

export const signallingBench: Bench = {
  name: 'signalling',
  id: 'P1',
  title: 'signalling: INVITE → 200 → session in Redis → BYE',
  async run(log) {
    const gateway = await benchGateway();
    const bare = await startBare();
    const ours: Side = { sipPort: gateway.sipPort, pid: gateway.pid };
    try {
      // Until the compiler has settled: what runs for weeks is not measured by its first seconds.
      for (const side of [ours, bare]) await sippCalls({ sipPort: side.sipPort, rate, seconds: 15, holdMs: 0, called });
      const cpu: { ours: number[]; bare: number[] } = { ours: [], bare: [] };
      for (let round = 0; round < rounds; round += 1) {
        cpu.ours.push((await perCall(ours)).cpu);
        cpu.bare.push((await perCall(bare)).cpu);
        log(`round ${round + 1}: ${cpu.ours.at(-1)?.toFixed(2)} ms a call, bare ${cpu.bare.at(-1)?.toFixed(2)} ms`);
      }
      const top = await highest(ours, 600, log);
      const eighty = await load(ours, Math.floor(top * 0.8));
      const ratio = median(cpu.bare) / median(cpu.ours);
      return {
        id: 'P1',
        title: signallingBench.title,
        rows: [
          {
            what: `processor time a call at ${rate} calls/s`,
            ours: `${round(median(cpu.ours))} ms`,
            compared: `bare drachtio-srf UAS on the same engine: ${round(median(cpu.bare))} ms`,
            ratio,
            goal: '≥ 0.7 × its calls/s at the same CPU',
            met: ratio >= 0.7,
          },
          {
            what: `at 80 % of the highest clean rate (${top} calls/s)`,
            ours: `${eighty.ok} ok, ${eighty.failed} failed, ${eighty.retransmissions} retransmissions`,
            compared: '',
            ratio: null,
            goal: 'no failed call, no retransmission',
            met: clean(eighty),
          },
        ],
        notes: [
          `sipp 3.6.1 over UDP, hold 0, ${rounds} rounds of ${seconds} s each, alternating; ours is the gateway process with all its threads (application, engine, media), log level warn; embedded Redis not counted.`,
        ],
      };
    } finally {
      bare.child.disconnect();
      await gateway.stop();
    }
  },
};
