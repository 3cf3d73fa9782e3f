import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { type ConfigReport, faultsIn, readConfig } from '../read-config.js';
import { table } from '../table.js';

const shown = ({ settings }: ConfigReport, all: boolean): string => {
  const rows = settings
    .filter(({ source, fault }) => all || fault !== null || source === 'environment' || source === 'gateway.yaml')
    .map(({ name, value, source, meaning, fault }) => [
      fault === null ? 'ok' : 'FAIL',
      name,
      value === '' ? '(empty)' : (value ?? '-'),
      source,
      fault ?? meaning,
    ]);
  const heading = ['', 'SETTING', 'VALUE', 'FROM', 'MEANING, OR WHAT IS WRONG'];
  return table(heading, rows, 'Nothing is set: everything has its default. --all shows all of them.');
};

/** `config check`: what a start would make of the environment and gateway.yaml. */
export const configCommands = (program: Command, context: CliContext): void => {
  program
    .command('config')
    .description('The configuration of the gateway on this machine')
    .command('check')
    .description('Check environment and gateway.yaml as a start would, and say where each setting comes from')
    .option('--all', 'also settings that have their default')
    .option('--json', 'print JSON')
    .action(async ({ all, json }: { readonly all?: true; readonly json?: true }) => {
      const { report, raw } = await readConfig(context);
      context.out(json ? `${JSON.stringify(JSON.parse(raw), null, 2)}\n` : shown(report, all === true));
      const wrong = faultsIn(report);
      if (wrong.length === 0) return;
      const many = wrong.length === 1 ? 'One thing is wrong' : `${wrong.length} things are wrong`;
      throw new CliError('invalid', `${many}: the gateway would not start.`, wrong);
    });
};
