import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../core/entry-path.js';
import { apiKeysCommand } from './commands/api-keys.js';
import { applyCommands } from './commands/apply.js';
import { benchCommand } from './commands/bench.js';
import { configCommands } from './commands/config.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { keysCommand } from './commands/keys.js';
import { sessionCommands } from './commands/sessions.js';
import { startCommand } from './commands/start.js';
import { tokenCommand } from './commands/token.js';
import { twilioCommands } from './commands/twilio.js';
import { zendeskCommands } from './commands/zendesk.js';
import type { CliContext } from './context.js';
import { CliError, exitCodes } from './exit-codes.js';
import { printable } from './table.js';

/** Adds its commands to the program. */
export type CommandModule = (program: Command, context: CliContext) => void;

const modules: readonly CommandModule[] = [
  startCommand,
  applyCommands,
  exportCommand,
  sessionCommands,
  tokenCommand,
  apiKeysCommand,
  keysCommand,
  zendeskCommands,
  twilioCommands,
  configCommands,
  doctorCommand,
  benchCommand,
];

const ownVersion = (): string => {
  const { version } = JSON.parse(readFileSync(join(packageRoot(import.meta.url), 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
};

/** The command line; `more` are commands that reach further than the HTTP API (`call`, `demo`). */
export const createProgram = (context: CliContext, more: readonly CommandModule[] = []): Command => {
  const program = new Command('voice-gateway')
    .description('Telephone calls to AI agents, and on to people')
    .version(ownVersion(), '-V, --version', 'Print the version')
    .configureOutput({ writeOut: context.out, writeErr: context.err })
    .exitOverride()
    .addHelpText(
      'after',
      '\nThe gateway is found by VOICE_GATEWAY_URL (default http://127.0.0.1:8080) and VOICE_GATEWAY_TOKEN;\non its own machine the admin token in DATA_DIR serves.',
    );
  for (const add of [...modules, ...more]) add(program, context);
  return program;
};

/** Runs one command line (without node and script) and resolves with its exit status; every failure is told on `err`. */
export const runCli = async (
  args: readonly string[],
  context: CliContext,
  more: readonly CommandModule[] = [],
): Promise<number> => {
  try {
    await createProgram(context, more).parseAsync([...args], { from: 'user' });
    return exitCodes.ok.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
    if (error instanceof CliError) {
      if (error.message !== '') context.err(`${printable(error.message)}\n`);
      for (const line of error.lines) context.err(`  ${printable(line)}\n`);
      return exitCodes[error.exit].code;
    }
    if (context.signal.aborted) return exitCodes.ok.code;
    context.err(`${printable(error instanceof Error ? error.message : String(error))}\n`);
    return exitCodes.failed.code;
  }
};
