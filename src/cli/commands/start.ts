import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { entryUrl } from '../../core/entry-path.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { runChild } from '../run-child.js';

/** `start` runs the gateway in the foreground. */
export const startCommand = (program: Command, context: CliContext): void => {
  program
    .command('start')
    .description('Run the gateway in the foreground')
    .action(async () => {
      const failure = await runChild(context, fileURLToPath(entryUrl(import.meta.url, '../../../bin/gateway.js')));
      if (failure !== null) throw new CliError('failed', `The gateway did not end well: ${failure}.`);
    });
};
