import type { Command } from 'commander';
import { z } from 'zod';
import { createClient } from '../client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { organizationOption } from '../organization-option.js';
import { printable, table } from '../table.js';

const keySchema = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
});
const listSchema = z.object({ items: z.array(keySchema) });
const createdSchema = keySchema.extend({ key: z.string() });

type Options = { readonly org?: string; readonly json?: true };

const day = (iso: string | null): string => (iso === null ? '-' : iso.slice(0, 16).replace('T', ' '));

/** Days from now as a moment. */
const ahead = (days: string): string => {
  const count = Number(days);
  if (!Number.isInteger(count) || count < 1 || count > 3_650) {
    throw new CliError('usage', '--days must be a whole number from 1 to 3650.');
  }
  return new Date(Date.now() + count * 86_400_000).toISOString();
};

/** `api-keys` makes, shows and revokes the keys with which programs use the API. */
export const apiKeysCommand = (program: Command, context: CliContext): void => {
  const keys = program.command('api-keys').description('Keys with which programs use the API');

  keys
    .command('list')
    .description('Show the API keys of the organization')
    .option(...organizationOption)
    .option('--json', 'print JSON')
    .action(async ({ org, json }: Options) => {
      const answer = await createClient(context).json('/v1/api-keys', { query: { organization: org } });
      const { items } = listSchema.parse(answer);
      if (json) context.out(`${JSON.stringify(answer, null, 2)}\n`);
      else {
        const rows = items.map(({ id, name, scopes, createdAt, expiresAt, lastUsedAt }) => [
          ...[id, name, scopes.join(' ')],
          ...[day(createdAt), day(lastUsedAt), day(expiresAt)],
        ]);
        context.out(table(['id', 'name', 'scopes', 'made', 'last used', 'expires'], rows, 'There is no API key.'));
      }
    });

  keys
    .command('create')
    .description('Make an API key and print it: this is the only time it can be read')
    .argument('<name>', 'what it is for')
    .requiredOption('--scope <scope...>', 'resource:action or resource:*, as often as needed')
    .option('--days <n>', 'days until it expires; without it does not')
    .option(...organizationOption)
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options & { readonly scope: string[]; readonly days?: string }) => {
      const { org, scope, days, json } = options;
      const body = { name, scopes: scope, ...(days === undefined ? {} : { expiresAt: ahead(days) }) };
      const request = { method: 'POST', query: { organization: org }, body } as const;
      const created = createdSchema.parse(await createClient(context).json('/v1/api-keys', request));
      context.out(json ? `${JSON.stringify(created, null, 2)}\n` : `${created.key}\n`);
    });

  keys
    .command('revoke')
    .description('Revoke an API key: the next request with it is refused')
    .argument('<id>', 'its id')
    .option(...organizationOption)
    .option('--json', 'print JSON')
    .action(async (id: string, { org, json }: Options) => {
      const request = { method: 'DELETE', query: { organization: org } } as const;
      await createClient(context).text(`/v1/api-keys/${encodeURIComponent(id)}`, request);
      context.out(json ? `${JSON.stringify({ revoked: id })}\n` : `API key ${printable(id)} is void.\n`);
    });
};
