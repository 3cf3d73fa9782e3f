import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeMediaPort, freePort } from './ports.js';
import { untilBound } from './until-bound.js';

export type SippOptions = {
  /** Scenario as XML text (see sipp-scenario.ts). */
  readonly scenario: string;
  /** `host:port` of the peer; left out for a scenario that waits for calls. */
  readonly target?: string;
  readonly transport?: 'udp' | 'tcp';
  /** Own address: any of 127.0.0.0/8. */
  readonly address?: string;
  readonly port?: number;
  readonly calls?: number;
  /** Calls a second. */
  readonly rate?: number;
  /** Most calls at once. */
  readonly limit?: number;
  /** The run is ended as failed after this, ms. */
  readonly timeout?: number;
  readonly args?: readonly string[];
};

export type SippResult = {
  /** 0: every call went as the scenario says. */
  readonly code: number | null;
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
  /** Every message sent and received, as sipp logs them. */
  readonly messages: string;
  /** What the scenario's `<log>` actions wrote. */
  readonly log: string;
  /** What went wrong, in sipp's words. */
  readonly errors: string;
};

export type SippRun = {
  readonly address: string;
  readonly port: number;
  /** Resolves when the run has ended, by itself or by `stop`. Never rejects. */
  readonly done: Promise<SippResult>;
  /** Begins no further calls; the run ends when those there are have (SIGUSR1). */
  finish(): void;
  /** Ends the process if it still runs. */
  stop(): Promise<SippResult>;
};

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const readAll = (folder: string, ending: string): string =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');

/** The last value of a cumulated column of sipp's statistics; 0 when there are none. */
const statistic = (csv: string, column: string): number => {
  const [head, ...lines] = csv.trim().split('\n');
  const index = head?.split(';').indexOf(column) ?? -1;
  const value = lines.at(-1)?.split(';')[index];
  return value === undefined ? 0 : Number.parseInt(value, 10);
};

/** Starts sipp with a scenario and resolves once it listens. The caller awaits `done` or calls `stop`. */
export const startSipp = async (options: SippOptions): Promise<SippRun> => {
  const address = options.address ?? '127.0.0.1';
  const transport = options.transport ?? 'udp';
  const port = options.port ?? (await freePort(address));
  const timeout = options.timeout ?? 15_000;
  const folder = mkdtempSync(join(tmpdir(), 'sipp-'));
  const scenario = join(folder, 'scenario.xml');
  writeFileSync(scenario, options.scenario);
  const args = [
    ...(options.target === undefined ? [] : [options.target]),
    ...['-sf', scenario],
    ...['-i', address, '-mi', address, '-ci', address, '-cp', String(await freePort(address))],
    ...['-p', String(port), '-mp', String(await freeMediaPort(address))],
    ...['-t', transport === 'udp' ? 'u1' : 't1'],
    ...['-m', String(options.calls ?? 1), '-r', String(options.rate ?? 10), '-l', String(options.limit ?? 1000)],
    ...['-timeout', `${Math.ceil(timeout / 1000)}s`, '-timeout_error', '-nostdin', '-max_socket', '1000'],
    ...['-trace_stat', '-stf', join(folder, 'statistics.csv'), '-fd', '1'],
    ...['-trace_err', '-error_file', join(folder, 'run.errors')],
    ...['-trace_logs', '-log_file', join(folder, 'run.log')],
    ...['-trace_msg', '-message_file', join(folder, 'run.messages')],
    ...(options.args ?? []),
  ];
  const child = spawn('sipp', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-4000);
  });
  const guard = setTimeout(() => child.kill('SIGKILL'), timeout + 5000);
  const done = new Promise<SippResult>((resolve) => {
    const finish = (code: number | null, fault: string): void => {
      clearTimeout(guard);
      running.delete(child);
      const csv = readAll(folder, '.csv');
      resolve({
        code,
        successful: statistic(csv, 'SuccessfulCall(C)'),
        failed: statistic(csv, 'FailedCall(C)'),
        retransmissions: statistic(csv, 'Retransmissions(C)'),
        messages: readAll(folder, '.messages'),
        log: readAll(folder, '.log'),
        errors: `${fault}${readAll(folder, '.errors')}${stderr}`.slice(0, 4000),
      });
      rmSync(folder, { recursive: true, force: true });
    };
    child.once('error', (error) => finish(null, `sipp cannot be started: ${error.message} `));
    child.once('close', (code) => finish(code, ''));
  });
  if (options.target === undefined) {
    await Promise.race([
      untilBound(port, address, transport),
      done.then((result) => {
        throw new Error(`sipp ended before it listened: ${result.errors}`);
      }),
    ]);
  }
  return {
    address,
    port,
    done,
    finish: () => void child.kill('SIGUSR1'),
    stop: () => {
      if (running.has(child)) child.kill('SIGKILL');
      return done;
    },
  };
};

/** Runs sipp to its end. */
export const runSipp = async (options: SippOptions): Promise<SippResult> => (await startSipp(options)).done;
