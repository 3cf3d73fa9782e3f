import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { entryUrl } from '../src/core/entry-path.js';
import { type GivenServer, givenServer, givenServerEnvironment } from '../test/support/given-server.js';
import { freePort } from '../test/support/ports.js';
import { type Bench, type BenchRow, median, round } from './bench.js';
import { processTime } from './process-time.js';
import { benchGateway } from './signalling.js';
import { sippCalls } from './sipp-load.js';

const rounds = 3;
const seconds = 5;
const called = '+14155550100';

const loads = [
  { role: 'uas', title: 'call answered by a bare drachtio-srf UAS', rate: 300 },
  { role: 'b2bua', title: 'call through a bare drachtio-srf B2BUA', rate: 150 },
] as const;

/** A SIP server under load: its process, and where it takes calls and applications. */
type Server = { readonly pid: number; readonly sipPort: number; readonly adminPort: number; readonly secret: string };
type Child = { readonly child: ChildProcess; readonly ready: Readonly<Record<string, number>> };

const start = async (...args: string[]): Promise<Child> => {
  const child = fork(fileURLToPath(entryUrl(import.meta.url, './engine-calls-child.js')), args);
  const [ready] = await once(child, 'message');
  return { child, ready };
};
const stop = async ({ child }: Child): Promise<void> => {
  child.disconnect();
  await once(child, 'exit');
};

/** Processor time a call of the SIP server, embedded engine and drachtio-server in turn under the same application (P2). */
const perCall = async (
  { role, title, rate }: (typeof loads)[number],
  given: Server,
  log: (line: string) => void,
): Promise<BenchRow> => {
  const calleePort = await freePort();
  const callee = spawn('sipp', ['-sn', 'uas', '-i', '127.0.0.1', '-p', String(calleePort), '-nostdin'], {
    stdio: 'ignore',
  });
  const engine = await start('engine');
  const embedded: Server = {
    ...{ pid: engine.child.pid ?? 0, sipPort: engine.ready.sipPort ?? 0, adminPort: engine.ready.adminPort ?? 0 },
    secret: 'bench',
  };
  const sides = [embedded, given];
  const applications = await Promise.all(
    sides.map(({ adminPort, secret }) => start(role, String(adminPort), `sip:127.0.0.1:${calleePort}`, secret)),
  );
  const costs: [number[], number[]] = [[], []];
  let failed = 0;
  try {
    for (const { sipPort } of sides) await sippCalls({ sipPort, rate, seconds: 3, holdMs: 1_000, called });
    for (let step = 0; step < rounds; step += 1) {
      for (const [index, { pid, sipPort }] of sides.entries()) {
        const before = processTime(pid);
        const result = await sippCalls({ sipPort, rate, seconds, holdMs: 1_000, called });
        costs[index]?.push((processTime(pid) - before) / Math.max(1, result.ok));
        failed += result.failed;
      }
      log(
        `${role}: engine ${costs[0].at(-1)?.toFixed(2)} ms a call, drachtio-server ${costs[1].at(-1)?.toFixed(2)} ms`,
      );
    }
  } finally {
    callee.kill('SIGKILL');
    await Promise.all([...applications, engine].map(stop));
  }
  const [ours, theirs] = [median(costs[0]), median(costs[1])];
  return {
    what: `P2: processor time of the SIP server, ${title}, ${rate} calls/s`,
    ours: `embedded engine ${round(ours)} ms (${failed} failed on both)`,
    compared: `drachtio-server ${round(theirs)} ms`,
    ratio: theirs / ours,
    goal: '',
    met: null,
  };
};

/** The gateway on drachtio-server against a bare application on it (P1); one after the other, as calls go round. */
const signalling = async (given: Server, log: (line: string) => void): Promise<readonly BenchRow[]> => {
  const rate = 100;
  const { sipPort } = given;
  const costOf = async (pid: number): Promise<number> => {
    await sippCalls({ sipPort, rate, seconds: 10, holdMs: 0, called });
    const costs: number[] = [];
    for (let step = 0; step < rounds; step += 1) {
      const before = processTime(pid) + processTime(given.pid);
      const { ok } = await sippCalls({ sipPort, rate, seconds, holdMs: 0, called });
      costs.push((processTime(pid) + processTime(given.pid) - before) / Math.max(1, ok));
      log(`${rate} calls/s: ${costs.at(-1)?.toFixed(2)} ms a call`);
    }
    return median(costs);
  };
  const gateway = await benchGateway(givenServerEnvironment());
  let ours = Number.NaN;
  let top = 0;
  let eighty = { ok: 0, failed: 0, retransmissions: 0 };
  try {
    ours = await costOf(gateway.pid);
    for (let at = 100; at <= 600; at += 100) {
      const result = await sippCalls({ sipPort, rate: at, seconds, holdMs: 0, called });
      log(`${at} calls/s: ${result.ok} ok, ${result.failed} failed, ${result.retransmissions} retransmissions`);
      if (result.failed > 0 || result.retransmissions > 0) break;
      top = at;
    }
    eighty = await sippCalls({ sipPort, rate: Math.floor(top * 0.8), seconds, holdMs: 0, called });
  } finally {
    await gateway.stop();
  }
  const bare = await start('uas', String(given.adminPort), '', given.secret);
  const theirs = await costOf(bare.child.pid ?? 0).finally(() => stop(bare));
  return [
    {
      what: `P1: processor time a call at ${rate} calls/s, drachtio-server included`,
      ours: `${round(ours)} ms`,
      compared: `bare drachtio-srf UAS on the same server: ${round(theirs)} ms`,
      ratio: theirs / ours,
      goal: '≥ 0.7 × its calls/s at the same CPU',
      met: theirs / ours >= 0.7,
    },
    {
      what: `P1: at 80 % of the highest clean rate (${top} calls/s; 600 is the highest tried)`,
      ours: `${eighty.ok} ok, ${eighty.failed} failed, ${eighty.retransmissions} retransmissions`,
      compared: '',
      ratio: null,
      goal: 'no failed call, no retransmission',
      met: eighty.failed === 0 && eighty.retransmissions === 0,
    },
  ];
};

/** The given server as a process: TEST_DRACHTIO and its process id, which only a server of this machine has. */
const asServer = (given: GivenServer | null): Server | null => {
  const pid = Number(process.env.TEST_DRACHTIO_PID ?? '');
  if (given === null || !Number.isInteger(pid) || pid <= 0) return null;
  const sipPort = Number(given.sipAddress.slice(given.sipAddress.lastIndexOf(':') + 1));
  return { pid, sipPort, adminPort: given.port, secret: given.secret };
};

/** P1 and P2 on a drachtio-server of this machine, when one is given. */
export const drachtioServerBench: Bench = {
  name: 'drachtio-server',
  id: 'P1',
  title: 'on drachtio-server',
  async run(log) {
    const { title } = drachtioServerBench;
    const given = asServer(givenServer());
    if (given === null || spawnSync('sipp', ['-v']).error !== undefined) {
      const notes = [
        'Not run: TEST_DRACHTIO and TEST_DRACHTIO_PID name no drachtio-server of this machine, or sipp is missing.',
      ];
      return { id: 'P1', title, rows: [], notes };
    }
    const rows: BenchRow[] = [];
    for (const load of loads) rows.push(await perCall(load, given, log));
    rows.push(...(await signalling(given, log)));
    const notes = [
      `sipp over UDP, ${rounds} rounds of ${seconds} s; P2 holds each call 1 s, both servers in turn; P1 holds 0.`,
    ];
    return { id: 'P1', title, rows, notes };
  },
};
