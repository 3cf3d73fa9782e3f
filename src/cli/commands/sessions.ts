import type { Command } from 'commander';
import { z } from 'zod';
import { type Client, createClient } from '../client.js';
import { paintLadder } from '../colour.js';
import type { CliContext } from '../context.js';
import { followEvents } from '../follow-events.js';
import { organizationOption } from '../organization-option.js';
import { clockTime, duration, printable, table } from '../table.js';

const session = z.object({
  id: z.string(),
  ticketNumber: z.number(),
  agentId: z.string(),
  status: z.string(),
  caller: z.object({ e164: z.string().nullable(), withheld: z.boolean(), raw: z.string() }),
  called: z.string(),
  zendeskTicketId: z.string().nullable(),
  startedAt: z.string(),
  answeredAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  endReason: z.string().nullable(),
});
type Session = z.output<typeof session>;
const page = z.object({ items: z.array(session), next: z.string().nullable() });
const detail = session.extend({
  timeline: z.array(z.object({ at: z.string(), type: z.string(), data: z.record(z.string(), z.unknown()) })),
});

const callerOf = ({ caller }: Session): string =>
  caller.e164 ?? (caller.withheld ? 'withheld' : caller.raw || 'unknown');
const lengthOf = (item: Session, now: number): string =>
  duration((item.endedAt === null ? now : Date.parse(item.endedAt)) - Date.parse(item.startedAt));
const stateOf = (item: Session): string =>
  item.endReason === null ? item.status : `${item.status} (${item.endReason})`;

type ListOptions = {
  readonly live?: true;
  readonly follow?: true;
  readonly outcome?: string;
  readonly limit: string;
  readonly org?: string;
  readonly json?: true;
};

const list = async (client: Client, options: ListOptions): Promise<{ items: Session[]; raw: unknown }> => {
  const raw = await client.json('/v1/sessions', {
    query: {
      ...{ limit: options.limit, organization: options.org, outcome: options.outcome },
      ...(options.live ? { live: 'true' } : {}),
    },
  });
  return { items: page.parse(raw).items, raw };
};

/** The sessions as a table; times are as long as the calls have lasted. */
const tableOf = (items: readonly Session[]): string => {
  const now = Date.now();
  const rows = items.map((item) => [
    item.startedAt.replace('T', ' ').slice(0, 19),
    item.id,
    callerOf(item),
    item.called,
    item.agentId,
    stateOf(item),
    item.zendeskTicketId ?? '',
    lengthOf(item, now),
  ]);
  const heading = ['STARTED (UTC)', 'ID', 'CALLER', 'CALLED', 'AGENT', 'STATE', 'TICKET', 'LENGTH'];
  return table(heading, rows, 'There are no sessions.');
};

/** Sessions that have changed are printed as lines; each change once, the oldest first. */
const lineWriter = (context: CliContext, json: boolean): ((items: readonly Session[], first: boolean) => void) => {
  const seen = new Map<string, string>();
  return (items, first) => {
    for (const item of [...items].reverse()) {
      const state = stateOf(item);
      const known = `${state} ${item.zendeskTicketId ?? ''}`;
      if (seen.get(item.id) === known) continue;
      seen.set(item.id, known);
      if (first && item.endedAt !== null) continue;
      const ticket = item.zendeskTicketId === null ? '' : `  ticket ${item.zendeskTicketId}`;
      const at = clockTime(new Date().toISOString());
      const line = json
        ? JSON.stringify(item)
        : `${at}  ${item.id}  ${callerOf(item)} -> ${item.called}  ${item.agentId}  ${state}${ticket}`;
      context.out(`${printable(line)}\n`);
    }
    // What has left the list cannot change any more; without this a follower would grow for ever.
    const listed = new Set(items.map((item) => item.id));
    for (const id of seen.keys()) if (!listed.has(id)) seen.delete(id);
  };
};

/** On a terminal the table stays in its place and changes there; whatever does not fit is left out. */
const drawn = (context: CliContext, rows: number): ((items: readonly Session[]) => void) => {
  return (items) => {
    const lines = tableOf(items).trimEnd().split('\n');
    const fits = lines.slice(0, Math.max(2, rows - 3));
    const more = lines.length - fits.length;
    const note = `${clockTime(new Date().toISOString())}, Ctrl-C ends${more > 0 ? `; ${more} more` : ''}`;
    context.out(`\u001b[H\u001b[2J${fits.join('\n')}\n\n${note}\n`);
  };
};

/** Shows whatever changes, as it happens, until Ctrl-C. */
const follow = async (context: CliContext, client: Client, options: ListOptions): Promise<void> => {
  const draw = context.terminal === undefined || options.json ? null : drawn(context, context.terminal.rows);
  const write = lineWriter(context, options.json === true);
  let first = true;
  for await (const _ of followEvents(context, client, options.org)) {
    const { items } = await list(client, options);
    if (draw === null) write(items, first);
    else draw(items);
    first = false;
  }
};

const showList = async (context: CliContext, options: ListOptions): Promise<void> => {
  const client = createClient(context);
  if (options.follow) {
    await follow(context, client, options);
    return;
  }
  const { items, raw } = await list(client, options);
  if (options.json) {
    context.out(`${JSON.stringify(raw, null, 2)}\n`);
    return;
  }
  context.out(tableOf(items));
};

const showOne = async (
  context: CliContext,
  id: string,
  options: { readonly ladder?: true; readonly json?: true },
): Promise<void> => {
  const client = createClient(context);
  const path = `/v1/sessions/${encodeURIComponent(id)}`;
  if (options.json) {
    const ladder = options.ladder ? { ladder: await client.json(`${path}/ladder`) } : {};
    context.out(`${JSON.stringify({ ...z.looseObject({}).parse(await client.json(path)), ...ladder }, null, 2)}\n`);
    return;
  }
  const found = detail.parse(await client.json(path));
  const facts = [
    ['session', found.id],
    ['caller', callerOf(found)],
    ['called', found.called],
    ['agent', found.agentId],
    ['state', stateOf(found)],
    ['ticket', found.zendeskTicketId ?? '-'],
    ['started', found.startedAt],
    ['length', lengthOf(found, Date.now())],
  ];
  context.out(`${facts.map(([name, value]) => `${(name ?? '').padEnd(8)}  ${printable(value ?? '')}`).join('\n')}\n\n`);
  const rows = found.timeline.map((entry) => [
    clockTime(entry.at, 3),
    entry.type,
    Object.entries(entry.data)
      .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(' '),
  ]);
  context.out(table(['AT', 'WHAT', 'DETAILS'], rows, 'The timeline is empty.'));
  if (options.ladder) {
    const text = await client.text(`${path}/ladder`, { query: { format: 'text' }, accept: 'text/plain' });
    context.out(`\n${paintLadder(context, printable(text))}${text.endsWith('\n') ? '' : '\n'}`);
  }
};

/** `sessions` lists calls or follows them; `session` shows one; `hangup` ends one. */
export const sessionCommands = (program: Command, context: CliContext): void => {
  program
    .command('sessions')
    .description('List phone sessions, newest first')
    .option('--live', 'only those that have not ended')
    .option('--follow', 'show changes as they happen, until Ctrl-C: a live table on a terminal, else a line for each')
    .option(
      '--outcome <outcome>',
      'by what the last transfer came to: busy, no-answer …; not-connected for any failure',
    )
    .option('--limit <n>', 'how many', '50')
    .option(...organizationOption)
    .option('--json', 'print JSON')
    .action((options: ListOptions) => showList(context, options));
  program
    .command('session')
    .description('Show one session with its timeline')
    .argument('<id>', 'id of the session')
    .option('--ladder', 'its SIP messages too')
    .option('--json', 'print JSON')
    .action((id: string, options: { readonly ladder?: true; readonly json?: true }) => showOne(context, id, options));
  program
    .command('hangup')
    .description('End a call')
    .argument('<id>', 'id of the session')
    .option('--json', 'print JSON')
    .action(async (id: string, { json }: { readonly json?: true }) => {
      const path = `/v1/sessions/${encodeURIComponent(id)}/hangup`;
      const answer = await createClient(context).json(path, { method: 'POST' });
      context.out(json ? `${JSON.stringify(answer, null, 2)}\n` : `${printable(id)} is being ended.\n`);
    });
};
