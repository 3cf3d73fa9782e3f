import type { Command } from 'commander';
import { z } from 'zod';
import { type Client, createClient } from '../client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { organizationOption } from '../organization-option.js';

const organizations = z.object({ items: z.array(z.object({ id: z.string() })) });

const onlyOne = async (client: Client): Promise<string> => {
  const { items } = organizations.parse(await client.json('/v1/organizations'));
  const [only] = items;
  if (only !== undefined && items.length === 1) return only.id;
  throw new CliError(
    'usage',
    items.length === 0
      ? 'There is no organization yet: create one with `voice-gateway apply -f examples/org.yaml`.'
      : `Say which organization with --org: ${items.map((item) => item.id).join(', ')}.`,
  );
};

/** `export` prints the document of an organization, credentials as placeholders. */
export const exportCommand = (program: Command, context: CliContext): void => {
  program
    .command('export')
    .description('Print the document of an organization, credentials as placeholders')
    .option(...organizationOption)
    .option('--json', 'print JSON instead of YAML')
    .action(async (options: { readonly org?: string; readonly json?: true }) => {
      const client = createClient(context);
      const id = options.org ?? (await onlyOne(client));
      const path = `/v1/organizations/${encodeURIComponent(id)}/document`;
      if (options.json) context.out(`${JSON.stringify(await client.json(path), null, 2)}\n`);
      else context.out(await client.text(path, { accept: 'application/yaml' }));
    });
};
