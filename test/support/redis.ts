import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A redis-server of a test's own, on a unix socket in a temporary folder. */
export type TestRedis = {
  readonly socketPath: string;
  readonly dir: string;
  pid(): number;
  /** SIGSTOP: it is there but answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data. */
  start(): Promise<void>;
  /** Ends it and removes the folder. */
  stop(): Promise<void>;
};

const answers = (socketPath: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (data) => {
      socket.destroy();
      resolve(data.toString().startsWith('+PONG'));
    });
    socket.on('error', () => resolve(false));
  });

/** Starts redis-server with an append-only file, as the gateway does. `args` are added to its command line. */
export const startTestRedis = async (args: readonly string[] = []): Promise<TestRedis> => {
  const dir = mkdtempSync(join(tmpdir(), 'vg-test-'));
  const socketPath = join(dir, 'r.sock');
  let child: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    const base = ['--port', '0', '--unixsocket', socketPath, '--dir', dir, '--appendonly', 'yes', '--save', ''];
    const started = spawn('redis-server', [...base, '--daemonize', 'no', ...args], { stdio: 'ignore' });
    child = started;
    let failure: Error | null = null;
    started.on('error', (error) => {
      failure = error;
    });
    const deadline = performance.now() + 10_000;
    while (!(await answers(socketPath))) {
      if (failure !== null || started.exitCode !== null) throw failure ?? new Error('redis-server ended at once');
      if (performance.now() > deadline) throw new Error('redis-server does not answer');
      await delay(5);
    }
  };
  const signal = (name: NodeJS.Signals): void => void child?.kill(name);
  const end = async (name: NodeJS.Signals): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // A stopped process takes SIGTERM only after it goes on.
    child.kill('SIGCONT');
    child.kill(name);
    await gone;
  };

  await start();
  return {
    socketPath,
    dir,
    pid: () => child?.pid ?? 0,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    kill: () => end('SIGKILL'),
    start,
    stop: async () => {
      await end('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
