import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { createClient } from '../client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { withProgress } from '../progress.js';
import { printable, table } from '../table.js';

const statusSchema = z.object({
  active: z.string(),
  keys: z.array(z.object({ id: z.string(), active: z.boolean(), values: z.number() })),
  rotation: z.object({
    running: z.boolean(),
    moved: z.number(),
    unreadable: z.number(),
    error: z.string().nullable(),
  }),
});
type Status = z.output<typeof statusSchema>;

/** ms between two looks at a rotation that is under way. */
const LOOK = 200;

const shown = ({ keys }: Status): string =>
  table(
    ['key', 'seals', 'values'],
    keys.map(({ id, active, values }) => [id, active ? 'yes' : 'no', String(values)]),
    'There is no key.',
  );

/** `keys` shows, rotates and retires the keys that seal what is stored. */
export const keysCommand = (program: Command, context: CliContext): void => {
  const keys = program.command('keys').description('Keys that seal what is stored (ENCRYPTION_KEYS)');
  const print = (status: Status, json: boolean): void =>
    context.out(json ? `${JSON.stringify(status, null, 2)}\n` : shown(status));

  keys
    .command('list')
    .description('Show the keys and how many values need each')
    .option('--json', 'print JSON')
    .action(async ({ json }: { readonly json?: true }) => {
      print(statusSchema.parse(await createClient(context).json('/v1/keys')), json === true);
    });

  keys
    .command('rotate')
    .description('Seal everything anew under the first key of ENCRYPTION_KEYS; calls go on meanwhile')
    .option('--dry-run', 'say what would be done, do nothing')
    .option('--json', 'print JSON')
    .action(async ({ dryRun, json }: { readonly dryRun?: true; readonly json?: true }) => {
      const client = createClient(context);
      const body = { dryRun: dryRun === true };
      let status = statusSchema.parse(await client.json('/v1/keys/rotate', { method: 'POST', body }));
      if (dryRun) {
        const count = status.keys.filter((key) => !key.active).reduce((sum, key) => sum + key.values, 0);
        print(status, json === true);
        if (!json) context.out(`${count} values would be sealed anew under ${status.active}; nothing was changed.\n`);
        return;
      }
      await withProgress(context, `Sealing everything anew under ${printable(status.active)}`, async () => {
        do {
          await delay(LOOK, undefined, { signal: context.signal });
          status = statusSchema.parse(await client.json('/v1/keys'));
        } while (status.rotation.running);
      });
      print(status, json === true);
      const { moved, unreadable, error } = status.rotation;
      if (error !== null) throw new CliError('failed', error);
      if (unreadable > 0) throw new CliError('failed', `${unreadable} values do not open with the keys at hand.`);
      if (!json) context.out(`${moved} values are sealed anew under ${status.active}.\n`);
    });

  keys
    .command('retire')
    .description('Retire a key that no value needs, so that it may be left out of ENCRYPTION_KEYS')
    .argument('<id>', 'its id')
    .option('--json', 'print JSON')
    .action(async (id: string, { json }: { readonly json?: true }) => {
      await createClient(context).text(`/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
      const told = `Key ${printable(id)} is retired: it may be left out of ENCRYPTION_KEYS.\n`;
      context.out(json ? `${JSON.stringify({ retired: id })}\n` : told);
    });
};
