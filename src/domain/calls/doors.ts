import type { Clock } from '../../core/clock.js';
import { isGatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { Agent } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { ActionRunResult, CallDoors, ToolDescription } from './ports.js';

/** What stands behind the doors. A part that this gateway does not have is null and says so to the agent. */
export type DoorPorts = {
  readonly actions: {
    /** A call has begun: what its agent may need is made ready. Never throws. */
    opened(session: OwnedSession, agent: Agent): void;
    /** Never rejects. */
    run(session: OwnedSession, name: string, attributes: Readonly<Record<string, unknown>>): Promise<ActionRunResult>;
    tools(orgId: string, agent: Agent): Promise<readonly ToolDescription[]>;
    /** Attributes that actions of the session have set and an agent is not told of. */
    notRepeated(sessionId: string): ReadonlySet<string>;
  } | null;
};

export type DoorContext = {
  readonly session: OwnedSession;
  /** Sends keys to the person at the other end. */
  readonly press: (digits: string) => Promise<void>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly agent: Agent;
  readonly endCall: () => void;
  readonly transfer: CallDoors['transfer'];
};

const digitsPattern = /^[0-9A-D*#]{1,64}$/i;

/** Characters of one attribute and of all of them, as JSON: what is longer is of no use to a model that comes back. */
const longestAttribute = 4_000;
const longestAttributes = 60_000;

const repeatable = (
  attributes: Readonly<Record<string, unknown>>,
  notRepeated: ReadonlySet<string>,
): Readonly<Record<string, unknown>> => {
  let left = longestAttributes;
  return Object.fromEntries(
    Object.entries(attributes).filter(([name, value]) => {
      if (notRepeated.has(name)) return false;
      const length = name.length + (JSON.stringify(value) ?? '').length;
      if (length > Math.min(longestAttribute, left)) return false;
      left -= length;
      return true;
    }),
  );
};

const nothing: ReadonlySet<string> = new Set();

/** The operations an agent may ask of its call: one implementation for script, RPC, MCP and REST. */
export const callDoors = (ports: DoorPorts, context: DoorContext): CallDoors => {
  const { session } = context;
  return {
    transfer: context.transfer,
    executeAction: async (name, attributes) => {
      if (ports.actions !== null) return ports.actions.run(session, name, attributes);
      return {
        success: false,
        statusCode: null,
        outputs: {},
        durationMs: 0,
        error: { code: 'not_available', message: 'Actions are not available on this gateway.' },
      };
    },
    sendDtmf: async (digits) => {
      if (!digitsPattern.test(digits)) throw new RangeError('digits must be 1 to 64 of 0-9, A-D, * and #');
      try {
        await context.press(digits.toUpperCase());
      } catch (error) {
        const reason = isGatewayError(error)
          ? error.message
          : 'The gateway could not send them; its log has the cause.';
        session.note('dtmf.sent', { count: 0, reason });
        throw error;
      }
      session.note('dtmf.sent', { count: digits.length });
    },
    endCall: async (reason) => {
      // In the agent's words, which may be the caller's.
      context.log.info({ pii: { reason } }, 'the agent ends the call');
      context.endCall();
    },
    listTools: async () => (ports.actions === null ? [] : ports.actions.tools(session.snapshot.orgId, context.agent)),
    attributes: () => session.snapshot.attributes,
    shownAttributes: () => repeatable(session.snapshot.attributes, ports.actions?.notRepeated(session.id) ?? nothing),
    setAttributes: (values) => void session.change({ attributes: values }),
    note: (type, data) => session.note(type, data),
  };
};
