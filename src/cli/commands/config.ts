import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { z } from 'zod';
import { entryUrl } from '../../core/entry-path.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { table } from '../table.js';

const reportSchema = z.object({
  settings: z.array(
    z.object({
      name: z.string(),
      value: z.string().nullable(),
      source: z.string(),
      meaning: z.string(),
      fault: z.string().nullable(),
    }),
  ),
  faults: z.array(z.object({ path: z.string(), message: z.string() })),
});
type Report = z.output<typeof reportSchema>;

/** The gateway's own code reads the configuration, in a process of its own: only it knows all of it. */
const read = async (context: CliContext): Promise<{ report: Report; raw: string }> => {
  const entry = fileURLToPath(entryUrl(import.meta.url, '../../app/config-check-child.js'));
  const child = spawn(process.execPath, [entry], {
    cwd: context.cwd,
    env: { ...context.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: context.signal,
  });
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
  const [raw, complaint] = await Promise.race([Promise.all([text(child.stdout), text(child.stderr)]), failed]);
  try {
    return { report: reportSchema.parse(JSON.parse(raw)), raw };
  } catch {
    throw new CliError(
      'failed',
      `The configuration cannot be checked: ${complaint.trim().split('\n')[0] || 'no answer'}`,
    );
  }
};

const shown = ({ settings }: Report, all: boolean): string => {
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
      const { report, raw } = await read(context);
      context.out(json ? `${JSON.stringify(JSON.parse(raw), null, 2)}\n` : shown(report, all === true));
      const wrong = [
        ...report.settings.flatMap(({ name, fault }) => (fault === null ? [] : [`${name}: ${fault}`])),
        ...report.faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)),
      ];
      if (wrong.length === 0) return;
      const many = wrong.length === 1 ? 'One thing is wrong' : `${wrong.length} things are wrong`;
      throw new CliError('invalid', `${many}: the gateway would not start.`, wrong);
    });
};
