import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { entryUrl } from '../core/entry-path.js';
import type { CliContext } from './context.js';
import { CliError } from './exit-codes.js';

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
export type ConfigReport = z.output<typeof reportSchema>;

/**
 * What a start on this machine would make of environment and gateway.yaml; `raw` as JSON. The gateway's own code reads it,
 * in a process of its own: only it knows all of it. Throws CliError.
 */
export const readConfig = async (context: CliContext): Promise<{ report: ConfigReport; raw: string }> => {
  const entry = fileURLToPath(entryUrl(import.meta.url, '../app/config-check-child.js'));
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

/** What would keep the gateway from starting, a sentence each. */
export const faultsIn = ({ settings, faults }: ConfigReport): string[] => [
  ...settings.flatMap(({ name, fault }) => (fault === null ? [] : [`${name}: ${fault}`])),
  ...faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)),
];
