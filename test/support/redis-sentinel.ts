import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { askRedis } from './redis-cluster.js';
import { until } from './until.js';

export type SentinelRedis = {
  /** For REDIS_URL. */
  readonly url: string;
  /** Kills the master (SIGKILL). */
  killMaster(): Promise<void>;
  stop(): Promise<void>;
};

const master = 'primary';

/** A master with a replica, and a sentinel that puts the replica in its place half a second after it fell silent. */
export const startSentinelRedis = async (): Promise<SentinelRedis> => {
  const dir = mkdtempSync(join(tmpdir(), 'vg-test-'));
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const [first, second, watcher] = ports;
  const children: ChildProcess[] = [];
  const run = (...args: readonly string[]): ChildProcess => {
    const child = spawn('redis-server', args, { cwd: dir, stdio: 'ignore' });
    children.push(child);
    return child;
  };
  const server = (port: number, ...more: readonly string[]): ChildProcess =>
    run(
      ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir, '--dbfilename', `${port}.rdb`],
      ...['--repl-diskless-sync-delay', '0', ...more],
    );
  const killed = async (child: ChildProcess | undefined): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const primary = server(first);
  server(second, '--replicaof', '127.0.0.1', String(first));
  const file = join(dir, 'sentinel.conf');
  writeFileSync(
    file,
    [
      `port ${watcher}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor ${master} 127.0.0.1 ${first} 1`,
      `sentinel down-after-milliseconds ${master} 500`,
      `sentinel failover-timeout ${master} 5000`,
      '',
    ].join('\n'),
  );
  await until(
    'the replica to follow',
    async () => /slave0:.*state=online/.test(String(await askRedis(first, 'INFO', 'replication'))),
    30_000,
  );
  run(file, '--sentinel');
  await until(
    'the sentinel to know of the replica',
    async () => {
      const known = await askRedis(watcher, 'SENTINEL', 'REPLICAS', master);
      return Array.isArray(known) && known.length === 1;
    },
    30_000,
  );
  return {
    url: `sentinel://127.0.0.1:${watcher}/${master}`,
    killMaster: () => killed(primary),
    stop: async () => {
      for (const child of children) await killed(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
