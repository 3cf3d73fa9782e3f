import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Bench, type BenchRow, median, round } from './bench.js';

const childPath = fileURLToPath(new URL('./engine-calls-child.js', import.meta.url));
const secondsPerStep = 6;
const rounds = 5;

/** CPU of drachtio-server per call as measured on a machine of this kind (two shared cores), ms. */
const subjects = [
  { role: 'uas', title: 'call answered by a bare drachtio-srf UAS', rate: 300, goal: 0.8, server: '0.8-1.4' },
  { role: 'b2bua', title: 'call through a bare drachtio-srf B2BUA', rate: 150, goal: 2.5, server: '2.6-3.2' },
] as const;

type Started = { child: ChildProcess; ready: Readonly<Record<string, number>> };

const start = async (...args: string[]): Promise<Started> => {
  const child = fork(childPath, args);
  const [ready] = await once(child, 'message');
  return { child, ready };
};

const cpuOf = async (child: ChildProcess): Promise<number> => {
  child.send('cpu');
  const [report]: { cpu: number }[] = await once(child, 'message');
  return report?.cpu ?? Number.NaN;
};

const stop = async (child: ChildProcess): Promise<void> => {
  child.disconnect();
  await once(child, 'exit');
};

const freePort = async (): Promise<number> => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
};

/** Calls of one second each from sipp; returns how many came to a good end, and how many did not. */
const calls = async (sipPort: number, rate: number, seconds: number): Promise<{ ok: number; failed: number }> => {
  const args = ['-sn', 'uac', '-i', '127.0.0.1', '-r', String(rate), '-m', String(rate * seconds), '-d', '1000'];
  const sipp = spawn('sipp', [...args, '-nostdin', `127.0.0.1:${sipPort}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  sipp.stdout.on('data', (data) => {
    output += data;
  });
  const limit = setTimeout(() => sipp.kill('SIGKILL'), (seconds + 40) * 1000);
  await once(sipp, 'close');
  clearTimeout(limit);
  const last = (label: string): number => {
    const counts = [...output.matchAll(new RegExp(`${label} +\\| +\\d+ +\\| +(\\d+)`, 'g'))];
    return Number(counts.at(-1)?.[1] ?? 0);
  };
  return { ok: last('Successful call'), failed: last('Failed call') };
};

const perCall = async (subject: (typeof subjects)[number], log: (line: string) => void): Promise<BenchRow> => {
  const { child: engine, ready } = await start('engine');
  const calleePort = await freePort();
  const callee = spawn('sipp', ['-sn', 'uas', '-i', '127.0.0.1', '-p', String(calleePort), '-nostdin'], {
    stdio: 'ignore',
  });
  const { child: application } = await start(subject.role, String(ready.adminPort), `sip:127.0.0.1:${calleePort}`);
  try {
    await calls(ready.sipPort ?? 0, subject.rate, 3);
    const costs: number[] = [];
    const applicationCosts: number[] = [];
    let failed = 0;
    for (let step = 0; step < rounds; step++) {
      const before = [await cpuOf(engine), await cpuOf(application)] as const;
      const result = await calls(ready.sipPort ?? 0, subject.rate, secondsPerStep);
      costs.push(((await cpuOf(engine)) - before[0]) / Math.max(1, result.ok));
      applicationCosts.push(((await cpuOf(application)) - before[1]) / Math.max(1, result.ok));
      failed += result.failed;
      log(
        `${subject.role} at ${subject.rate}/s: engine ${round(costs.at(-1) ?? 0, 3)} ms a call, ${result.failed} failed`,
      );
    }
    const cost = median(costs);
    return {
      what: `CPU of the engine, ${subject.title}, ${subject.rate} calls/s`,
      ours: `${round(cost, 3)} ms (application ${round(median(applicationCosts), 3)} ms, ${failed} failed)`,
      compared: `drachtio-server: ${subject.server} ms`,
      ratio: null,
      goal: `<= ${subject.goal} ms`,
      met: cost <= subject.goal && failed === 0,
    };
  } finally {
    callee.kill('SIGKILL');
    await stop(application);
    await stop(engine);
  }
};

const flatness = async (): Promise<BenchRow> => {
  const { ready } = await start('dialogs', '100', '10000');
  const { withFew = 0, withMany = 0 } = ready;
  return {
    what: 'CPU of one INFO in a dialog and its answer, 10,000 dialogs open against 100 (both ends in one process)',
    ours: `${round(withMany, 0)} µs`,
    compared: `${round(withFew, 0)} µs`,
    ratio: withMany / withFew,
    goal: '<= 1.25',
    met: withMany / withFew <= 1.25,
  };
};

/** CPU of the embedded engine per call and per message (P2), engine, application and sipp in processes of their own. */
export const engineCallsBench: Bench = {
  name: 'engine-calls',
  id: 'P2',
  title: 'Engine: calls',
  run: async (log) => {
    const rows: BenchRow[] = [await flatness()];
    const hasSipp = spawnSync('sipp', ['-v']).error === undefined;
    if (hasSipp) for (const subject of subjects) rows.push(await perCall(subject, log));
    return {
      id: 'P2',
      title: 'Engine: calls',
      rows,
      notes: hasSipp ? [] : ['CPU per call was not measured: sipp is not installed.'],
    };
  },
};
