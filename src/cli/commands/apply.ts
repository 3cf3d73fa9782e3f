import type { Command } from 'commander';
import { z } from 'zod';
import { createClient } from '../client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { readDocument } from '../read-document.js';
import { printable } from '../table.js';

const change = z.object({ kind: z.string(), id: z.string(), fields: z.array(z.string()).optional() });
const result = z.object({
  organization: z.string(),
  created: z.array(change),
  changed: z.array(change),
  unchanged: z.array(change),
  removed: z.array(change),
  warnings: z.array(z.object({ path: z.string(), message: z.string() })),
});
type Result = z.output<typeof result>;

type Options = { readonly file: string; readonly prune?: true; readonly json?: true };

const report = (outcome: Result, dry: boolean): string => {
  const lines: string[] = [];
  const say = (sign: string, changes: Result['created']): void => {
    for (const { kind, id, fields } of changes) {
      lines.push(`${sign} ${kind} ${id}${fields === undefined ? '' : ` (${fields.join(', ')})`}`);
    }
  };
  say('+', outcome.created);
  say('~', outcome.changed);
  say('-', outcome.removed);
  for (const warning of outcome.warnings) lines.push(`! ${warning.path}: ${warning.message}`);
  const counts = (['created', 'changed', 'unchanged', 'removed'] as const).map(
    (name) => `${outcome[name].length} ${name}`,
  );
  lines.push(`${outcome.organization}: ${dry ? 'would be ' : ''}${counts.join(', ')}`);
  return `${lines.map(printable).join('\n')}\n`;
};

const send = async (context: CliContext, options: Options, dry: boolean): Promise<Result> => {
  const { organization, document } = await readDocument(context, options.file);
  const answer = await createClient(context).json(`/v1/organizations/${encodeURIComponent(organization)}/document`, {
    method: 'PUT',
    body: document,
    query: { ...(options.prune ? { prune: '1' } : {}), ...(dry ? { dryRun: '1' } : {}) },
  });
  const outcome = result.parse(answer);
  context.out(options.json ? `${JSON.stringify(answer, null, 2)}\n` : report(outcome, dry));
  return outcome;
};

/** `apply` makes an organization what a document says; `diff` says what that would change. */
export const applyCommands = (program: Command, context: CliContext): void => {
  const common = (command: Command): Command =>
    command
      .requiredOption('-f, --file <file>', "the organization's document, YAML or JSON; - for standard input")
      .option('--prune', 'remove what the document does not have')
      .option('--json', 'print the answer as JSON');
  common(program.command('apply').description('Make an organization what a document says')).action(
    async (options: Options) => void (await send(context, options, false)),
  );
  common(program.command('diff').description('Say what applying a document would change')).action(
    async (options: Options) => {
      const { created, changed, removed } = await send(context, options, true);
      if (created.length + changed.length + removed.length > 0) throw new CliError('different', '');
    },
  );
};
