import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Node process a test started. */
export type TestChild<Ready> = {
  readonly pid: number;
  /** The first line it printed, parsed as JSON. */
  readonly ready: Ready;
  /** Sends the signal and resolves when the process is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
};

const running = new Set<ChildProcess>();

/** Starts a compiled entry with one JSON argument and waits for its first line; rejects with its stderr when it ends before. */
export const startChild = async <Ready>(entry: URL, argument: unknown): Promise<TestChild<Ready>> => {
  const child = spawn(process.execPath, [fileURLToPath(entry), JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const gone = once(child, 'exit').then(() => running.delete(child));
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    gone.then(() => null),
  ]);
  if (line === null) throw new Error(`the child ended: ${errors}`);
  return {
    pid: child.pid ?? 0,
    ready: JSON.parse(line),
    end: async (signal) => {
      child.kill('SIGCONT');
      child.kill(signal);
      await gone;
    },
  };
};

/** Kills every child that still runs: for `afterEach`. */
export const endChildren = async (): Promise<void> => {
  await Promise.all(
    [...running].map(async (child) => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }),
  );
};
