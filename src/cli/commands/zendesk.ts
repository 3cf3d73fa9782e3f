import type { Command } from 'commander';
import { z } from 'zod';
import { createClient } from '../client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { organizationOption } from '../organization-option.js';
import { clockTime, printable, table } from '../table.js';

const checkSchema = z.object({
  organization: z.string(),
  zendesk: z.string().nullable(),
  credentials: z.object({ ok: z.boolean(), message: z.string() }),
  webhook: z.object({
    url: z.string(),
    expiresAt: z.string(),
    signed: z.boolean(),
    body: z.string(),
    conditions: z.array(z.string()),
  }),
  status: z.object({ ok: z.boolean(), at: z.string(), message: z.string().nullable() }).nullable(),
  deliveries: z.array(
    z.object({
      at: z.string(),
      status: z.number(),
      success: z.boolean(),
      message: z.string(),
      ticketId: z.string().nullable(),
    }),
  ),
  problems: z.array(z.string()),
});
type Check = z.output<typeof checkSchema>;

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${printable(line)}\n`).join('');

/** What an administrator needs to see and to paste, in the order of the set-up. */
const describe = ({ organization, zendesk, credentials, webhook, status, deliveries }: Check): string =>
  [
    `Organization  ${organization}\n`,
    `Zendesk       ${zendesk ?? 'not connected'}\n`,
    `Credentials   ${credentials.ok ? 'ok' : 'FAIL'}: ${printable(credentials.message)}\n`,
    status === null || status.ok
      ? ''
      : `Last request  FAIL at ${clockTime(status.at)}: ${printable(status.message ?? '')}\n`,
    `Signature     ${webhook.signed ? 'required' : 'not required'}\n`,
    `\nWebhook: POST, JSON, no authentication; its address is a credential, good until ${webhook.expiresAt.slice(0, 10)}:\n`,
    indented([webhook.url]),
    '\nTrigger, all of these conditions:\n',
    indented(webhook.conditions),
    'Trigger, action "Notify active webhook" with this body:\n',
    indented(webhook.body.split('\n')),
    '\nLast webhooks:\n',
    table(
      ['AT', 'STATUS', 'TICKET', 'ANSWER'],
      deliveries
        .slice(0, 10)
        .map(({ at, status: code, success, ticketId, message }) => [
          clockTime(at),
          `${code} ${success ? 'ok' : 'no'}`,
          ticketId ?? '-',
          message,
        ]),
      '  none',
    ),
  ].join('');

/** `zendesk check` says whether Zendesk is set up, what to paste there, and what is wrong, one sentence each. */
export const zendeskCommands = (program: Command, context: CliContext): void => {
  const zendesk = program.command('zendesk').description('Set Zendesk up');
  zendesk
    .command('check')
    .description('Check credentials and webhook, and show what to paste into Zendesk')
    .option(...organizationOption)
    .option('--json', 'print JSON')
    .action(async (options: { readonly org?: string; readonly json?: true }) => {
      const raw = await createClient(context).json('/v1/zendesk/check', { query: { organization: options.org } });
      const check = checkSchema.parse(raw);
      context.out(options.json ? `${JSON.stringify(raw, null, 2)}\n` : describe(check));
      const { problems } = check;
      if (problems.length === 0) return;
      throw new CliError(
        'failed',
        problems.length === 1 ? 'One thing needs attention.' : `${problems.length} things need attention.`,
        problems,
      );
    });
};
