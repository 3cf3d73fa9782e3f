import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { Route } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { EndReason } from '../sessions/records.js';
import type { Failure } from '../transfer/index.js';
import { agentTools } from './agent-tools.js';
import type { CallOrigin } from './call-origin.js';
import { closeCall } from './closer.js';
import { callDoors, type DoorPorts } from './doors.js';
import { type CallEffect, type CallEvent, type CallState, initialCall, transition } from './machine.js';
import type {
  AgentAdapter,
  AgentCredential,
  AgentLeg,
  AgentTools,
  Dialog,
  DialogEvents,
  MediaLeg,
  MediaLegEvents,
} from './ports.js';
import { transferDoor } from './transfer-door.js';
import { callTransfers } from './transfer-operation.js';
import type { CallTransfers, TransferDeps } from './transfer-ports.js';

/** What one live call is made of. */
export type CallParts = {
  readonly origin: CallOrigin;
  readonly route: Route;
  readonly session: OwnedSession;
  readonly leg: MediaLeg;
  readonly agent: { readonly adapter: AgentAdapter; readonly config: unknown };
  /** The agent that takes over when the configured one cannot be had, and the script it runs. */
  readonly fallBack: { readonly adapter: AgentAdapter; readonly config: unknown };
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds. */
  readonly maxDuration: number;
  readonly recordingPath: string | null;
  readonly doors: DoorPorts;
  readonly credential: () => Promise<AgentCredential>;
  readonly transfers: TransferDeps;
  readonly onAnswered: (delayMs: number) => void;
  readonly onEnded: (reason: EndReason) => void;
};

/** What came of bringing the two ends together; `failure` is null when a caller gave up or we failed to answer. */
export type Connection = { readonly answered: true } | { readonly answered: false; readonly failure: Failure | null };

export type LiveCall = {
  readonly sessionId: string;
  readonly orgId: string;
  readonly route: Route;
  readonly startedAt: number;
  /** For the caller's media events, which arrive before the call exists as a whole. */
  readonly mediaEvents: MediaLegEvents;
  readonly transfers: CallTransfers;
  readonly tools: AgentTools;
  hangUp(reason: 'api-hangup' | 'drain' | 'max-duration' | 'error'): void;
  status(): CallState['status'];
  /** Settles when the person at the other end is there, or never will be. */
  readonly connected: Promise<Connection>;
  /** Settles when everything of the call is closed and its session written or queued. */
  readonly done: Promise<void>;
};

/** Runs one admitted call to its end. Nothing in it throws to the outside: a fault ends this call with reason `error`. */
export const runCall = (parts: CallParts): LiveCall => {
  const { origin, session, leg, clock, log, route } = parts;
  const ended = new AbortController();
  let state = initialCall;
  let dialog: Dialog | null = null;
  let connecting: Promise<void> = Promise.resolve();
  let agentLeg: AgentLeg | null = null;
  let recording = false;
  /** What has already stood in for the agent: the fall-back destination, then the fall-back agent. */
  let standIns: 'none' | 'destination' | 'agent' = 'none';
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let tellConnected: (connection: Connection) => void = () => {};
  const connected = new Promise<Connection>((resolve) => {
    tellConnected = resolve;
  });

  const dispatch = (event: CallEvent): void => {
    const before = state.status;
    const next = transition(state, event);
    state = next.state;
    // The answer writes `active` together with its time, the closer `ended` with its reason.
    const answered = before === 'ringing' && state.status === 'active';
    if (state.status !== before && state.status !== 'ended' && !answered) {
      void session.change({ status: state.status });
    }
    for (const effect of next.effects) perform(effect);
  };

  const dialogEvents: DialogEvents = {
    ended: (end) => {
      if (end.by === 'remote') dispatch({ type: 'caller-left' });
      else {
        log.warn({ by: end.by, reason: end.reason }, 'the SIP server ended the dialog of a call');
        dispatch({ type: 'caller-left' });
      }
    },
    offered: (offer) => (offer === null ? leg.offer() : leg.answer(offer)),
    answered: (sdp) => {
      leg.accept(sdp).catch((error: unknown) => fault(error, 'the answer in the ACK could not be taken'));
    },
    info: (contentType, body) => {
      const connected = transfers.connected();
      if (connected !== null) connected.callerInfo(contentType, body);
      else log.debug({ contentType, bytes: body.length }, 'INFO received in a call');
    },
  };

  const fault = (error: unknown, message: string): void => {
    log.error({ err: error }, message);
    dispatch({ type: 'hang-up', reason: 'error' });
  };

  let lastProgress = 0;
  const progress = (status: number, reason: string): void => {
    // A repeated provisional answer is no news.
    if (status < 180 || status === lastProgress || state.status === 'ended') return;
    lastProgress = status;
    session.note('call.ringing', { sipStatus: status, reason });
  };

  const connect = async (): Promise<void> => {
    try {
      dialog = await origin.connect(dialogEvents, progress);
      if (state.status === 'ended') return;
      const answeredAt = clock.now();
      parts.onAnswered(answeredAt - origin.begunAt);
      void session.change({
        status: 'active',
        answeredAt,
        timeline: [{ at: answeredAt, type: 'call.answered', data: {} }],
      });
      if (parts.recordingPath !== null) await startRecording(parts.recordingPath);
      dispatch({ type: 'acknowledged' });
      tellConnected({ answered: true });
    } catch (error) {
      const { event, failure } = origin.failed(error);
      if (failure !== null) session.note('call.rejected', { ...failure });
      dispatch(event);
      tellConnected({ answered: false, failure });
    }
  };

  const startRecording = async (path: string): Promise<void> => {
    try {
      await leg.startRecording(path);
      recording = true;
      session.note('recording.started', {});
    } catch (error) {
      log.error({ err: error }, 'a recording could not be started');
    }
  };

  const transfers = callTransfers(parts.transfers, {
    session,
    route,
    leg,
    callerProfile: origin.profile,
    callerDialog: () => dialog,
    dispatch: (event) => dispatch(event),
    state: () => state,
    log,
  });

  const doors = callDoors(parts.doors, {
    session,
    leg,
    log,
    clock,
    agent: route.agent,
    endCall: () => dispatch({ type: 'hang-up', reason: 'agent-hangup' }),
    transfer: transferDoor(transfers, route.agent, parts.transfers.directory),
  });

  const tools = agentTools({
    ...{ doors, clock, log },
    agent: route.agent,
    directory: parts.transfers.directory,
    over: () => state.status === 'ended',
  });
  /** One for the whole call, whichever agent it has. */
  let credential: Promise<AgentCredential> | null = null;

  const startAgent = async (adapter: AgentAdapter, config: unknown): Promise<void> => {
    let left = false;
    const noteStart = (): void => session.note('agent.started', { agent: route.agent.id, leg: adapter.type });
    // A scripted agent speaks as soon as it starts, so its start is noted before what it says.
    if (adapter.answers === 'at-once') noteStart();
    try {
      const started = await adapter.start(
        {
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
          leg,
          ...{ doors, tools },
          credential: () => {
            credential ??= parts.credential();
            return credential;
          },
          log: log.child({ agent: route.agent.id }),
          signal: ended.signal,
        },
        {
          left: (cause) => {
            if (left) return;
            left = true;
            agentLeg = null;
            if (cause.failed) session.note('agent.failed', { reason: cause.reason });
            else if (state.status !== 'ended') session.note('agent.left', { reason: cause.reason });
            dispatch({ type: 'agent-left', failed: cause.failed });
          },
        },
      );
      if (left) return;
      agentLeg = started;
      if (state.status === 'ended') {
        await started.stop('call-ended');
        return;
      }
      if (adapter.answers === 'when-ready') noteStart();
      dispatch({ type: 'agent-ready' });
      if (state.agent !== 'gone') return;
      // The caller was connected to somebody else while the leg was being had.
      agentLeg = null;
      await started.stop('transferred');
    } catch (error) {
      if (ended.signal.aborted) return;
      log.error({ err: error, leg: adapter.type }, "the AI's leg could not be started");
      session.note('agent.failed', { reason: error instanceof Error ? error.message : String(error) });
      dispatch({ type: 'agent-left', failed: true });
    }
  };

  /** The agent's fall-back destination first; then the fall-back agent, behind which there is nothing. */
  const fallBack = (): void => {
    const { fallback } = route.agent;
    if (standIns === 'agent') {
      dispatch({ type: 'hang-up', reason: 'error' });
      return;
    }
    if (standIns === 'none' && fallback !== null) {
      standIns = 'destination';
      // A transfer that fails falls back again by itself; one that never began does not.
      transfers.start({ destination: fallback, summary: null }).catch((error: unknown) => {
        log.error({ err: error, destination: fallback }, "the agent's fall-back destination cannot be called");
        fallBack();
      });
      return;
    }
    standIns = 'agent';
    void startAgent(parts.fallBack.adapter, parts.fallBack.config);
  };

  const perform = (effect: CallEffect): void => {
    switch (effect.type) {
      case 'ring':
        origin.ring();
        session.note('call.ringing', {});
        return;
      case 'answer':
      case 'dial':
        connecting = connect();
        return;
      case 'cancel-dial':
        origin.giveUp();
        return;
      case 'start-agent':
        void startAgent(parts.agent.adapter, parts.agent.config);
        return;
      case 'mute-agent':
        agentLeg?.mute();
        return;
      case 'unmute-agent':
        agentLeg?.unmute();
        return;
      case 'stop-agent':
        void agentLeg?.stop('transferred');
        agentLeg = null;
        return;
      case 'fall-back':
        fallBack();
        return;
      case 'reject':
        origin.reject(effect.status, effect.reason);
        return;
      case 'join':
        transfers.join();
        return;
      case 'cancel-transfer':
        transfers.cancel(effect.by);
        return;
      case 'end':
        end(effect);
    }
  };

  const end = (effect: Extract<CallEffect, { type: 'end' }>): void => {
    limit.cancel();
    // A reason spares the DOMException, with its stack, that abort() makes otherwise.
    ended.abort('ended');
    origin.cancelled.removeEventListener('abort', onCancelled);
    void closeCall({
      reason: effect.reason,
      session,
      legs: () => {
        const destination = transfers.media();
        return [['caller', leg], ...(destination === null ? [] : [['destination', destination] as const])];
      },
      clock,
      log,
      recording,
      bye: async () => {
        const byeCaller = async (): Promise<void> => {
          if (!effect.byeCaller) return;
          await connecting;
          await dialog?.bye();
        };
        await Promise.all([byeCaller(), transfers.hangUp()]);
      },
      stopAgent: async () => {
        await agentLeg?.stop('call-ended');
      },
    }).then(() => {
      parts.onEnded(effect.reason);
      tellConnected({ answered: false, failure: null });
      finish();
    });
  };

  const onCancelled = (): void => dispatch({ type: 'cancelled' });
  const limit = clock.after(parts.maxDuration, () => dispatch({ type: 'hang-up', reason: 'max-duration' }));

  const mediaEvents: MediaLegEvents = {
    dtmf: ({ digit, durationMs }) => {
      session.note('dtmf.received', { digit, durationMs });
      agentLeg?.dtmf(digit);
    },
    firstPacket: () => session.note('media.started', {}),
    lost: (kind) => {
      session.note('media.lost', { kind });
      dispatch({ type: 'media-lost' });
    },
    hold: (held) => {
      session.note(held ? 'media.held' : 'media.resumed', {});
      transfers.connected()?.callerHeld(held);
    },
    failed: (reason) => {
      log.error({ reason }, 'the media of a call failed');
      dispatch({ type: 'media-failed' });
    },
  };

  const start = (): void => {
    if (origin.cancelled.aborted) {
      dispatch({ type: 'cancelled' });
      return;
    }
    origin.cancelled.addEventListener('abort', onCancelled, { once: true });
    dispatch(origin.first(parts.agent.adapter));
  };
  start();

  return {
    sessionId: session.id,
    orgId: route.organization.id,
    startedAt: origin.begunAt,
    ...{ route, mediaEvents, transfers, tools, connected },
    hangUp: (reason) => dispatch({ type: 'hang-up', reason }),
    status: () => state.status,
    done,
  };
};
