import type { Logger } from '../../core/logger.js';
import { silentSpan, type Tracer } from '../../core/tracing.js';
import type { Route } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { CallOrigin } from './call-origin.js';
import type { CallEvent, CallState } from './machine.js';
import type {
  AgentAdapter,
  AgentAnswers,
  AgentContext,
  AgentCredential,
  AgentLeg,
  InsteadOfAgent,
  MediaLeg,
} from './ports.js';
import type { CallTransfers } from './transfer-ports.js';

/** An agent and the configuration of its leg. */
export type ConfiguredAgent = { readonly adapter: AgentAdapter; readonly config: unknown };

export type CallAgentParts = {
  readonly agent: ConfiguredAgent;
  /** The agent that takes over when the configured one cannot be had, and the script it runs. */
  readonly fallBack: { readonly adapter: AgentAdapter; readonly config: (message: string | null) => unknown };
  readonly route: Route;
  readonly session: OwnedSession;
  readonly origin: CallOrigin;
  readonly leg: MediaLeg;
  readonly credential: { mint(): Promise<AgentCredential>; revoke(): void };
  /** What the agent gets of the call besides. */
  readonly given: Pick<AgentContext, 'doors' | 'tools' | 'answered' | 'rang'>;
  readonly transfers: Pick<CallTransfers, 'start'>;
  readonly dispatch: (event: CallEvent) => void;
  readonly state: () => CallState;
  /** Aborted when the call ends. */
  readonly ended: AbortSignal;
  readonly tracer: Tracer;
  readonly log: Logger;
};

/** The agent of one call, whoever it is at the moment. */
export type CallAgent = {
  readonly answers: AgentAnswers;
  start(): void;
  /** Somebody else takes the agent's place: its fall-back destination first, then the fall-back agent. */
  fallBack(): void;
  mute(): void;
  unmute(): void;
  dtmf(digit: string): void;
  /** Ends its leg, where there is one. */
  stop(why: 'call-ended' | 'transferred'): Promise<void>;
};

const answersOf = ({ adapter: { answers }, config }: ConfiguredAgent): AgentAnswers =>
  typeof answers === 'function' ? answers(config) : answers;

export const callAgent = (parts: CallAgentParts): CallAgent => {
  const { route, session, origin, dispatch, state, ended, log } = parts;
  let agentLeg: AgentLeg | null = null;
  /** Of the agent that has the call. */
  let span = silentSpan;
  /** What has already stood in for the agent: the fall-back destination, then the fall-back agent. */
  let standIns: 'none' | 'destination' | 'agent' = 'none';
  /** What the agent's leg wants said when nobody else takes the call. */
  let lastMessage: string | null = null;
  /** One for the whole call, whichever agent it has, until an agent has handed over. */
  let credential: Promise<AgentCredential> | null = null;

  /** An agent is gone before its time. */
  const failed = (reason: string, instead: InsteadOfAgent | undefined): void => {
    session.note('agent.failed', { reason });
    if (instead?.type === 'message') standIns = 'destination';
    if (instead !== undefined && instead.type !== 'hang-up') lastMessage = instead.message;
    dispatch({ type: 'agent-left', failed: instead?.type !== 'hang-up' });
  };

  const contextFor = (config: unknown): AgentContext => ({
    sessionId: session.id,
    orgId: route.organization.id,
    agentId: route.agent.id,
    agentName: route.agent.name,
    config,
    caller: origin.caller,
    called: route.number.number,
    sipCallId: origin.sipCallId,
    direction: origin.direction,
    headers: origin.headers,
    ...(origin.remote === undefined ? {} : { remote: origin.remote }),
    leg: parts.leg,
    ...parts.given,
    credential: () => {
      credential ??= parts.credential.mint();
      return credential;
    },
    log: log.child({ agent: route.agent.id }),
    signal: ended,
  });

  const start = async (agent: ConfiguredAgent): Promise<void> => {
    const { adapter, config } = agent;
    let left = false;
    const mine = parts.tracer.part('agent', session.id, {
      fields: { 'agent.id': route.agent.id, 'agent.leg': adapter.type },
    });
    span = mine;
    const noteStart = (): void => session.note('agent.started', { agent: route.agent.id, leg: adapter.type });
    // A scripted agent speaks as soon as it starts, so its start is noted before what it says.
    const answers = answersOf(agent);
    if (answers === 'at-once') noteStart();
    try {
      const started = await adapter.start(contextFor(config), {
        left: (cause) => {
          if (left) return;
          left = true;
          agentLeg = null;
          mine.end({ 'agent.end': cause.failed ? 'failed' : 'left' }, cause.failed ? 'failed' : undefined);
          if (cause.failed) return failed(cause.reason, cause.instead);
          if (state().status !== 'ended') session.note('agent.left', { reason: cause.reason });
          dispatch({ type: 'agent-left', failed: false });
        },
      });
      if (left) return;
      agentLeg = started;
      mine.event('ready');
      if (state().status === 'ended') {
        await started.stop('call-ended');
        return;
      }
      if (answers === 'when-ready') noteStart();
      dispatch({ type: 'agent-ready' });
      if (state().agent !== 'gone') return;
      // The caller was connected to somebody else while the leg was being had.
      agentLeg = null;
      mine.end({ 'agent.end': 'transferred' });
      await started.stop('transferred');
    } catch (error) {
      mine.end({ 'agent.end': 'failed' }, ended.aborted ? undefined : 'failed');
      if (left || ended.aborted) return;
      left = true;
      log.error({ err: error, leg: adapter.type }, "the AI's leg could not be started");
      failed(error instanceof Error ? error.message : String(error), undefined);
    }
  };

  /** A transfer that fails falls back again by itself; one that never began does not. */
  const callInstead = async (destination: string): Promise<void> => {
    try {
      const transfer = await parts.transfers.start({ destination, summary: null });
      if (transfer.started) return;
      log.warn({ destination, current: transfer.current.id }, "another transfer is ahead of the agent's fall-back");
    } catch (error) {
      log.error({ err: error, destination }, "the agent's fall-back destination cannot be called");
    }
    fallBack();
  };

  /** Behind the fall-back agent there is nothing. */
  const fallBack = (): void => {
    const { fallback } = route.agent;
    if (standIns === 'agent') {
      dispatch({ type: 'hang-up', reason: 'error' });
      return;
    }
    if (standIns === 'none' && fallback !== null) {
      standIns = 'destination';
      void callInstead(fallback);
      return;
    }
    standIns = 'agent';
    dispatch({ type: 'agent-replaced' });
    void start({ adapter: parts.fallBack.adapter, config: parts.fallBack.config(lastMessage) });
  };

  return {
    answers: answersOf(parts.agent),
    start: () => void start(parts.agent),
    fallBack,
    mute: () => agentLeg?.mute(),
    unmute: () => agentLeg?.unmute(),
    dtmf: (digit) => agentLeg?.dtmf(digit),
    async stop(why) {
      const leg = agentLeg;
      if (why === 'transferred') {
        agentLeg = null;
        // It has no business with the call any more; a stand-in that comes later gets a credential of its own.
        if (credential !== null) parts.credential.revoke();
        credential = null;
      }
      span.end({ 'agent.end': why });
      await leg?.stop(why);
    },
  };
};
