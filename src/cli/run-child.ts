import { type ChildProcess, spawn } from 'node:child_process';
import type { CliContext } from './context.js';

const ended = (child: ChildProcess): Promise<string | null> =>
  new Promise((resolve) => {
    child.on('error', (error) => resolve(`it could not be started (${error.message})`));
    child.on('exit', (code, signal) => {
      if (code === 0 || signal === 'SIGINT' || signal === 'SIGTERM') resolve(null);
      else resolve(code === null ? `it was ended by ${signal}` : `its exit status was ${code}`);
    });
  });

/**
 * Runs a program of ours in the foreground and resolves when it has ended: null, or what went wrong. Ctrl-C reaches it as
 * it reaches us; we only wait for it.
 */
export const runChild = (context: CliContext, main: string, args: readonly string[] = []): Promise<string | null> => {
  const child = spawn(process.execPath, [main, ...args], {
    ...{ stdio: 'inherit', cwd: context.cwd },
    env: { ...context.env },
  });
  context.signal.addEventListener('abort', () => {
    // The terminal has told the whole group already; a second SIGINT would skip the drain. Only a signal sent to
    // us alone must be passed on, and that one is SIGTERM.
    if (context.signal.reason === 'SIGTERM') child.kill('SIGTERM');
  });
  return ended(child);
};
