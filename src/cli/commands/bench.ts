import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../../core/entry-path.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { runChild } from '../run-child.js';

/** The compiled benches of a checkout at `root`. Throws CliError where there are none. */
export const benchesAt = (root: string): string => {
  // What is installed has been compiled from the same source, without what the benches measure against.
  if (!existsSync(join(root, 'bench/main.ts'))) {
    throw new CliError(
      'notFound',
      'The benches are part of the source and not of what is installed: run this in a checkout.',
    );
  }
  const main = join(root, 'dist/bench/main.js');
  if (!existsSync(main)) throw new CliError('notFound', 'The benches are not compiled yet: `npm run build`.');
  return main;
};

/** `bench` measures what docs/performance.md tells, and writes it there. */
export const benchCommand = (program: Command, context: CliContext): void => {
  program
    .command('bench')
    .description('Measure, in a checkout of the source; the figures go into docs/performance.md')
    .argument('[name...]', 'which; all of them without a name')
    .action(async (names: readonly string[]) => {
      const failure = await runChild(context, benchesAt(packageRoot(import.meta.url)), names);
      if (failure !== null) throw new CliError('failed', `The bench did not end well: ${failure}.`);
    });
};
