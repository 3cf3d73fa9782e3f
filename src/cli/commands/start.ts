import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { entryUrl } from '../../core/entry-path.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';

const ended = (child: ChildProcess): Promise<string | null> =>
  new Promise((resolve) => {
    child.on('error', (error) => resolve(`it could not be started (${error.message})`));
    child.on('exit', (code, signal) => {
      if (code === 0 || signal === 'SIGINT' || signal === 'SIGTERM') resolve(null);
      else resolve(code === null ? `it was ended by ${signal}` : `its exit status was ${code}`);
    });
  });

/** `start` runs the gateway in the foreground. Ctrl-C reaches it as it reaches us; we only wait for it. */
export const startCommand = (program: Command, context: CliContext): void => {
  program
    .command('start')
    .description('Run the gateway in the foreground')
    .action(async () => {
      const main = fileURLToPath(entryUrl(import.meta.url, '../../../bin/gateway.js'));
      const child = spawn(process.execPath, [main], { stdio: 'inherit', cwd: context.cwd, env: { ...context.env } });
      context.signal.addEventListener('abort', () => {
        // The terminal has told the whole group already; a second SIGINT would skip the drain. Only a signal sent to
        // us alone must be passed on, and that one is SIGTERM.
        if (context.signal.reason === 'SIGTERM') child.kill('SIGTERM');
      });
      const failure = await ended(child);
      if (failure !== null) throw new CliError('failed', `The gateway did not end well: ${failure}.`);
    });
};
