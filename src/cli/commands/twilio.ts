import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Client, createClient } from '../client.js';
import type { CliContext } from '../context.js';
import { CliError } from '../exit-codes.js';
import { withProgress } from '../progress.js';
import { table } from '../table.js';

const offersSchema = z.object({
  items: z.array(z.object({ number: z.string(), name: z.string(), place: z.string().nullable(), address: z.string() })),
});
const ownedSchema = z.object({
  number: z.string(),
  name: z.string(),
  trunkSid: z.string().nullable(),
  voiceUrl: z.string().nullable(),
  organization: z.string().nullable(),
  agent: z.string().nullable(),
  verified: z.boolean().nullable(),
});
const listSchema = z.object({ items: z.array(ownedSchema) });
const verificationSchema = z.object({
  number: z.string(),
  status: z.enum(['owned', 'verified', 'pending']),
  organization: z.string().nullable(),
  verified: z.boolean().nullable(),
});
/** Nobody is called for a number that needs no proof. */
const begunSchema = z.union([z.object({ number: z.string(), code: z.string() }), verificationSchema]);
const trunkSchema = z.object({
  sid: z.string(),
  domain: z.string(),
  origination: z.string(),
  username: z.string(),
  password: z.string().nullable(),
  steps: z.array(
    z.object({
      what: z.string(),
      id: z.string(),
      done: z.enum(['created', 'changed', 'left']),
      fields: z.array(z.string()),
    }),
  ),
});

type Json = { readonly json?: true };
const asJson = ['--json', 'print JSON'] as const;
/** ms between two looks at a verification. */
const LOOK = 2_000;

/** Asks until Twilio has been told the code, or `seconds` are over. */
const awaitCode = async (client: Client, number: string, seconds: number, signal: AbortSignal) => {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    const path = `/v1/twilio/verifications/${encodeURIComponent(number)}`;
    const state = verificationSchema.parse(await client.json(path, { method: 'POST' }));
    if (state.status !== 'pending' || performance.now() + LOOK > deadline) return state;
    await delay(LOOK, undefined, { signal });
  }
};

const verifyCommand = (numbers: Command, context: CliContext): void => {
  numbers
    .command('verify')
    .description(
      'Prove a number: by a call of Twilio asking for the code that is shown, or at once when the account has it',
    )
    .argument('<number>', 'E.164')
    .option('--name <name>', 'how it is called at Twilio')
    .option('--delay <seconds>', 'seconds until Twilio calls', '0')
    .option('--extension <keys>', 'keys to press when a switchboard answers')
    .option('--wait <seconds>', 'how long to wait for the code to be pressed', '120')
    .option('--check', 'call nobody, only look whether it is proven')
    .option(...asJson)
    .action(
      async (
        number: string,
        options: Json & {
          readonly name?: string;
          readonly delay: string;
          readonly extension?: string;
          readonly wait: string;
          readonly check?: true;
        },
      ) => {
        const client = createClient(context);
        const wait = Number(options.wait);
        if (!Number.isFinite(wait) || wait < 0) throw new CliError('usage', '--wait must be a number of seconds.');
        const print = (state: z.output<typeof verificationSchema>): void => {
          if (options.json) context.out(`${JSON.stringify(state, null, 2)}\n`);
          if (state.status === 'pending') throw new CliError('failed', `${number} is not verified at Twilio (yet).`);
          if (options.json) return;
          const here = state.organization === null ? 'no organization has it' : `verified in ${state.organization}`;
          context.out(`${number} is ${state.status} at Twilio; here: ${here}.\n`);
        };
        if (options.check === undefined) {
          const body = {
            number,
            callDelay: Number(options.delay),
            ...(options.name === undefined ? {} : { name: options.name }),
            ...(options.extension === undefined ? {} : { extension: options.extension }),
          };
          const begun = begunSchema.parse(await client.json('/v1/twilio/verifications', { method: 'POST', body }));
          if (!('code' in begun)) return print(begun);
          const { code } = begun;
          // What a person has to do stands on the error output when the answer is for a machine.
          const tell = options.json ? context.err : context.out;
          tell(`Twilio calls ${number}: press ${code} when it asks for the code.\n`);
        }
        const look = () => awaitCode(client, number, options.check === undefined ? wait : 0, context.signal);
        print(await (options.check ? look() : withProgress(context, 'Waiting for the code', look)));
      },
    );
};

/** `numbers`: the operator's telephone numbers at Twilio. */
const numbersCommand = (program: Command, context: CliContext): void => {
  const numbers = program.command('numbers').description("Telephone numbers of the operator's Twilio account");

  numbers
    .command('search')
    .description('Show numbers that are for sale')
    .option('--country <code>', 'two letters', 'US')
    .option('--kind <kind>', 'local, mobile or tollFree', 'local')
    .option('--area-code <code>', 'in the US and Canada')
    .option('--contains <pattern>', 'digits, letters, * for any')
    .option('--limit <n>', 'how many', '20')
    .option(...asJson)
    .action(
      async (
        options: Json & {
          readonly country: string;
          readonly kind: string;
          readonly areaCode?: string;
          readonly contains?: string;
          readonly limit: string;
        },
      ) => {
        const { json, ...query } = options;
        const answer = await createClient(context).json('/v1/twilio/available-numbers', { query });
        const { items } = offersSchema.parse(answer);
        const rows = items.map(({ number, place, address }) => [number, place ?? '', address]);
        const none = 'There is no such number for sale.';
        context.out(
          json ? `${JSON.stringify(answer, null, 2)}\n` : table(['number', 'place', 'address demanded'], rows, none),
        );
      },
    );

  numbers
    .command('buy')
    .description('Buy a number, its calls by the trunk')
    .argument('<number>', 'E.164, as search shows it')
    .option('--name <name>', 'how it is called at Twilio')
    .option('--trunk <name>', 'the trunk its calls come by', 'voice-gateway')
    .option('--webhook', 'no trunk: its calls come by the voice webhook of the gateway')
    .option('--address <sid>', 'address at Twilio, where the country demands one')
    .option('--bundle <sid>', 'regulatory bundle at Twilio, where the country demands one')
    .option(...asJson)
    .action(
      async (
        number: string,
        options: Json & {
          readonly name?: string;
          readonly trunk: string;
          readonly webhook?: true;
          readonly address?: string;
          readonly bundle?: string;
        },
      ) => {
        const body = {
          ...{ number, trunk: options.trunk, by: options.webhook ? 'webhook' : 'trunk' },
          ...(options.name === undefined ? {} : { name: options.name }),
          ...(options.address === undefined ? {} : { addressSid: options.address }),
          ...(options.bundle === undefined ? {} : { bundleSid: options.bundle }),
        };
        const headers = { 'idempotency-key': randomUUID() };
        const answer = await createClient(context).json('/v1/twilio/numbers', { method: 'POST', body, headers });
        const bought = ownedSchema.parse(answer);
        const next =
          bought.organization === null
            ? 'give it to an agent in the document of an organization, then `numbers verify` it'
            : `it is a number of ${bought.organization}`;
        context.out(options.json ? `${JSON.stringify(answer, null, 2)}\n` : `${bought.number} is bought; ${next}.\n`);
      },
    );

  verifyCommand(numbers, context);

  numbers
    .command('list')
    .description('Show the numbers of the account and who has them here')
    .option(...asJson)
    .action(async ({ json }: Json) => {
      const answer = await createClient(context).json('/v1/twilio/numbers');
      const rows = listSchema
        .parse(answer)
        .items.map(({ number, name, trunkSid, voiceUrl, organization, agent, verified }) => [
          number,
          name,
          trunkSid === null ? (voiceUrl ?? '-') : `trunk ${trunkSid}`,
          organization === null ? '-' : `${organization}/${agent ?? ''}`,
          verified === null ? '-' : verified ? 'yes' : 'no',
        ]);
      const heading = ['number', 'name', 'calls come by', 'agent here', 'verified'];
      context.out(json ? `${JSON.stringify(answer, null, 2)}\n` : table(heading, rows, 'The account has no number.'));
    });

  numbers
    .command('release')
    .description('Give a number back to Twilio, who may sell it to somebody else')
    .argument('<number>', 'E.164')
    .option('--force', 'even while an organization has it')
    .option(...asJson)
    .action(async (number: string, { force, json }: Json & { readonly force?: true }) => {
      const query = { force: force ? 'true' : undefined };
      const path = `/v1/twilio/numbers/${encodeURIComponent(number)}`;
      await createClient(context).text(path, { method: 'DELETE', query });
      context.out(json ? `${JSON.stringify({ released: number })}\n` : `${number} is given back.\n`);
    });
};

const signs = { created: '+', changed: '~', left: '=' } as const;
const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `trunk setup twilio`: a SIP trunk between Twilio and this gateway. */
const trunkCommand = (program: Command, context: CliContext): void => {
  const trunk = program.command('trunk').description('SIP trunks at carriers');
  const setup = trunk.command('setup').description('Make a trunk to this gateway and back');
  setup
    .command('twilio')
    .description('Make an elastic SIP trunk; run again it changes only what differs')
    .option('--name <name>', 'by which it is found again', 'voice-gateway')
    .option('--domain <domain>', 'for calls of our own: name.pstn.twilio.com; default: made of the account')
    .option('--origination <uri>', "the gateway's SIP address; default: from SIP_PUBLIC_ADDRESS and SIP_LISTEN")
    .option('--secure', 'TLS and SRTP only')
    .option('--transfer <mode>', 'REFER: enable-all, sip-only or disable-all', 'enable-all')
    .option('--username <name>', 'of the gateway when it calls by the trunk', 'voice-gateway')
    .option('--number <number>', 'its calls come by the trunk; may be repeated', collect, [])
    .option(...asJson)
    .action(
      async (
        options: Json & {
          readonly name: string;
          readonly domain?: string;
          readonly origination?: string;
          readonly secure?: true;
          readonly transfer: string;
          readonly username: string;
          readonly number: readonly string[];
        },
      ) => {
        const { json, secure, transfer, number, ...plan } = options;
        // A password on a command line would be seen by everybody on the machine.
        const password = context.env.TWILIO_TRUNK_PASSWORD;
        const body = {
          ...{ ...plan, secure: secure === true, transferMode: transfer, numbers: number },
          ...(password === undefined || password === '' ? {} : { password }),
        };
        const answer = await createClient(context).json('/v1/twilio/trunk', { method: 'PUT', body });
        if (json) {
          context.out(`${JSON.stringify(answer, null, 2)}\n`);
          return;
        }
        const report = trunkSchema.parse(answer);
        for (const { what, id, done, fields } of report.steps) {
          context.out(`${signs[done]} ${what} ${id}${fields.length === 0 ? '' : `: ${fields.join(', ')}`}\n`);
        }
        const changed = report.steps.filter(({ done }) => done !== 'left').length;
        context.out(`${report.sid}: ${changed} created or changed, ${report.steps.length - changed} as it was\n`);
        context.out(`Calls of our own: trunk sip:${report.domain}, user ${report.username}\n`);
        if (report.password !== null) {
          context.out(`Password, shown this once: ${report.password}\n`);
        }
      },
    );
};

/** The commands that use the operator's Twilio account. */
export const twilioCommands = (program: Command, context: CliContext): void => {
  numbersCommand(program, context);
  trunkCommand(program, context);
};
