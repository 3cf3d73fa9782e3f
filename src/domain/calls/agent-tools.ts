import { z } from 'zod';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { faultsOf, plainTreeFaults } from '../../core/faults.js';
import type { Logger } from '../../core/logger.js';
import { createTokenBucket } from '../../core/rate-limit.js';
import { holdsSessionToken } from '../../core/redaction.js';
import type { Agent, Directory } from '../directory/records.js';
import type { AgentTools, CallDoors, ToolAnswer, ToolDescription, ToolFault } from './ports.js';

/** An agent that speaks with people needs a handful of tools a minute; a runaway one must not cost others their call. */
const rate = { perSecond: 10, burst: 30 };
const mostInFlight = 16;
/** Characters of all arguments together, as JSON. */
const longestArguments = 65_536;

const controls = {
  transfer_call: {
    description: 'Hands the caller over to a person. Answers when it is certain what became of it.',
    schema: z.strictObject({
      destination: z.string().min(1).max(255).describe('Id or name of one of the destinations of this agent.'),
      summary: z.string().max(2_000).optional().describe('What the person should know, in a sentence or two.'),
    }),
  },
  end_call: {
    description: 'Ends the call.',
    schema: z.strictObject({ reason: z.string().max(500).optional().describe('Why, for the record.') }),
  },
  send_dtmf: {
    description: 'Sends telephone keys to the caller.',
    schema: z.strictObject({
      digits: z.string().regex(/^[0-9A-Da-d*#]{1,64}$/, 'must be 1 to 64 of 0-9, A-D, * and #'),
    }),
  },
  execute_action: {
    description: 'Runs one of the tools of this agent by name.',
    schema: z.strictObject({
      name: z.string().min(1).max(60),
      arguments: z.record(z.string().max(128), z.json()).default({}),
    }),
  },
  list_tools: { description: 'Lists the tools of this agent.', schema: z.strictObject({}) },
} as const;
type ControlName = keyof typeof controls;
const isControl = (name: string): name is ControlName => Object.hasOwn(controls, name);
/** What an agent is offered as a tool; the other two are ways to reach tools. */
const offered = ['transfer_call', 'end_call', 'send_dtmf'] as const;

/** Names no action can have as a tool's: they would hide behind the controls. */
export const controlNames: readonly string[] = Object.keys(controls);

const refused = (code: ToolFault['code'], message: string): ToolAnswer => ({ ok: false, fault: { code, message } });

/** What an agent hears that has handed the caller over. */
export const transferred = 'The caller has been transferred.';

class BadArguments extends Error {}

const judged = <S extends z.ZodType>(schema: S, args: unknown): z.output<S> => {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const faults = faultsOf(result.error.issues).slice(0, 3);
  throw new BadArguments(faults.map(({ path, message }) => (path === '' ? message : `${path} ${message}`)).join('; '));
};

/** The parameters of a control as JSON Schema, as models take them. */
const parametersOf = (name: ControlName): Readonly<Record<string, unknown>> => {
  const { $schema: _, ...schema } = z.toJSONSchema(controls[name].schema, { io: 'input' });
  return schema;
};

export type AgentToolsContext = {
  readonly doors: CallDoors;
  readonly agent: Pick<Agent, 'orgId' | 'transferDestinations' | 'actions'>;
  readonly directory: Pick<Directory, 'destination'>;
  /** True once the call is over. */
  readonly over: () => boolean;
  /** True while a human talks with the caller in the agent's place. */
  readonly handedOver: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
};

export const agentTools = (context: AgentToolsContext): AgentTools => {
  const { doors, agent, directory, log } = context;
  const bucket = createTokenBucket(rate, () => context.clock.monotonic());
  let inFlight = 0;

  /** The transfer tool names the agent's own destinations, so that a model picks one that exists. */
  const transferTool = async (): Promise<ToolDescription | null> => {
    const known = await Promise.all(agent.transferDestinations.map((id) => directory.destination(agent.orgId, id)));
    const destinations = known.flatMap((destination) => (destination === null ? [] : [destination]));
    if (destinations.length === 0) return null;
    const parameters = parametersOf('transfer_call');
    const properties = parameters.properties as Record<string, Record<string, unknown>>;
    return {
      name: 'transfer_call',
      description: controls.transfer_call.description,
      parameters: {
        ...parameters,
        properties: {
          ...properties,
          destination: {
            ...properties.destination,
            enum: destinations.map(({ id }) => id),
            description: `Whom to call: ${destinations.map(({ id, name }) => `${id} (${name})`).join(', ')}.`,
          },
        },
      },
    };
  };

  const list = async (): Promise<readonly ToolDescription[]> => {
    const [transfer, actions] = await Promise.all([transferTool(), doors.listTools()]);
    const own = offered.flatMap((name) => {
      if (name === 'transfer_call') return transfer === null ? [] : [transfer];
      return [{ name, description: controls[name].description, parameters: parametersOf(name) }];
    });
    return [...own, ...actions.filter(({ name }) => !isControl(name))];
  };

  const action = async (name: string, args: Readonly<Record<string, unknown>>): Promise<ToolAnswer> => {
    // A script may run any action of its organization; what an AI asks for must be one it was given.
    if (!agent.actions.includes(name)) return refused('unknown_tool', `There is no action ${JSON.stringify(name)}.`);
    const value = await doors.executeAction(name, args);
    if (value.error?.code === 'not_found') return refused('unknown_tool', value.error.message);
    return { ok: true, value };
  };

  const control = async (name: ControlName, args: unknown): Promise<ToolAnswer> => {
    switch (name) {
      case 'transfer_call': {
        const { destination, summary } = judged(controls.transfer_call.schema, args);
        const request = { destination, ...(summary === undefined ? {} : { summary }) };
        return { ok: true, value: await doors.transfer(request) };
      }
      case 'end_call': {
        const { reason } = judged(controls.end_call.schema, args);
        await doors.endCall(reason ?? null);
        return { ok: true, value: {} };
      }
      case 'send_dtmf':
        await doors.sendDtmf(judged(controls.send_dtmf.schema, args).digits);
        return { ok: true, value: {} };
      case 'execute_action': {
        const { name: tool, arguments: values } = judged(controls.execute_action.schema, args);
        return isControl(tool) && tool !== 'execute_action' ? control(tool, values) : action(tool, values);
      }
      case 'list_tools':
        judged(controls.list_tools.schema, args);
        return { ok: true, value: await list() };
    }
  };

  const textOf = (args: unknown): string => {
    try {
      return JSON.stringify(args) ?? '';
    } catch {
      throw new BadArguments('must be JSON');
    }
  };

  const judge = (args: unknown): Readonly<Record<string, unknown>> => {
    if (args === undefined || args === null) return {};
    const [fault] = plainTreeFaults(args);
    if (fault !== undefined) throw new BadArguments(`${fault.path} ${fault.message}`.trim());
    const text = textOf(args);
    if (holdsSessionToken(text)) throw new BadArguments('must not hold the token of a session');
    if (text.length > longestArguments)
      throw new BadArguments(`must not be longer than ${longestArguments} characters`);
    return judged(z.record(z.string(), z.unknown(), 'must be an object'), args);
  };

  return {
    list,
    async call(name, given) {
      if (context.over()) return refused('session_ended', 'The call has ended.');
      if (context.handedOver()) return refused('not_available', transferred);
      const wait = bucket.take();
      if (wait > 0) return refused('too_many', `Too many tool calls: try again in ${wait} ms.`);
      if (inFlight >= mostInFlight) return refused('too_many', `${mostInFlight} tool calls are under way already.`);
      inFlight += 1;
      try {
        const args = judge(given);
        return await (isControl(name) ? control(name, args) : action(name, args));
      } catch (error) {
        if (error instanceof BadArguments)
          return refused('bad_arguments', `The arguments of ${JSON.stringify(name)}: ${error.message}.`);
        if (error instanceof GatewayError && error.code === 'session_ended')
          return refused('session_ended', 'The call has ended.');
        // A peer that holds, or refuses an INFO, is no failure of ours, and the agent may try again.
        if (error instanceof GatewayError && ['not_available', 'conflict', 'sip_refused'].includes(error.code))
          return refused('not_available', error.message);
        log.error({ err: error, tool: name }, 'a tool of a call failed');
        return refused('failed', 'The gateway failed; its log has the cause.');
      } finally {
        inFlight -= 1;
      }
    },
  };
};
