import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { runDemo } from './demo.js';
import { tellStory } from './story.js';

/** `demo` plays a real call on this machine and says at each step what happens; it fails when something did not hold. */
export const demoCommand = (program: Command, context: CliContext): void => {
  program
    .command('demo')
    .description('Play a real call on this machine, step by step')
    .option('--keep', 'leave the gateway up at the end, until Ctrl-C')
    .action(async (options: { readonly keep?: true }) => {
      const story = tellStory(context.out);
      await runDemo(story, { keep: options.keep === true, signal: context.signal });
      if (story.failures.length > 0) {
        throw new CliError(
          'failed',
          `The demo failed: ${story.failures.length} of its checks did not hold.`,
          story.failures,
        );
      }
      context.out('\nEverything held.\n');
    });
};
