import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { silentTracer, type Tracer } from '../../core/tracing.js';
import type { Route } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { EndReason } from '../sessions/records.js';
import type { Failure } from '../transfer/index.js';
import { agentTools, transferred } from './agent-tools.js';
import { type CallAgentParts, type ConfiguredAgent, callAgent } from './call-agent.js';
import type { CallOrigin } from './call-origin.js';
import { type CallRecording, callRecording, type RecordingPlace } from './call-recording.js';
import { closeCall } from './closer.js';
import { callDoors, type DoorPorts } from './doors.js';
import { parseDtmfInfo } from './dtmf-info.js';
import { type Key, keyDoubles, pressKeys } from './keys.js';
import { type CallEffect, type CallEvent, type CallState, initialCall, transition } from './machine.js';
import type { AgentTools, Dialog, DialogEvents, LegQuality, MediaLeg, MediaLegEvents } from './ports.js';
import { transferDoor } from './transfer-door.js';
import { callTransfers } from './transfer-operation.js';
import type { CallTransfers, TransferDeps } from './transfer-ports.js';

/** What one live call is made of. */
export type CallParts = {
  readonly origin: CallOrigin;
  readonly route: Route;
  readonly session: OwnedSession;
  readonly leg: MediaLeg;
  readonly agent: ConfiguredAgent;
  readonly fallBack: CallAgentParts['fallBack'];
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer?: Tracer;
  /** Milliseconds. */
  readonly maxDuration: number;
  /** Where recordings go, and whether one begins with the answer. */
  readonly recordings: RecordingPlace;
  readonly record: boolean;
  readonly doors: DoorPorts;
  readonly credential: CallAgentParts['credential'];
  readonly transfers: TransferDeps;
  readonly onAnswered: (delayMs: number) => void;
  readonly onLegClosed: (quality: LegQuality) => void;
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
  readonly recording: Pick<CallRecording, 'act'>;
  hangUp(reason: 'api-hangup' | 'drain' | 'max-duration' | 'error'): void;
  status(): CallState['status'];
  /** The legs that stand at this moment, by role. */
  legs(): readonly (readonly [role: string, leg: MediaLeg])[];
  /** Settles when the person at the other end is there, or never will be. */
  readonly connected: Promise<Connection>;
  /** Settles when everything of the call is closed and its session written or queued. */
  readonly done: Promise<void>;
};

/** Runs one admitted call to its end. Nothing in it throws to the outside: a fault ends this call with reason `error`. */
export const runCall = (parts: CallParts): LiveCall => {
  const { origin, session, leg, clock, log, route } = parts;
  const { tracer = silentTracer } = parts;
  const answer = tracer.part('answer', session.id, { at: origin.begunAt });
  const ended = new AbortController();
  let state = initialCall;
  let dialog: Dialog | null = null;
  let connecting: Promise<void> = Promise.resolve();
  let isAnswered = false;
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
      if (end.by === 'remote') return dispatch({ type: 'caller-left' });
      log.warn({ by: end.by, reason: end.reason }, 'the SIP server ended the dialog of a call');
      // Nobody hung up: the caller may still be listening to a call that cannot be ended any more.
      if (end.by === 'lost') session.note('signalling.lost', { leg: 'caller', reason: end.reason });
      dispatch({ type: 'caller-lost', detail: end.reason ?? 'The SIP server ended the dialog.' });
    },
    offered: (offer) => (offer === null ? leg.offer() : leg.answer(offer)),
    answered: (sdp) => {
      leg.accept(sdp).catch((error: unknown) => fault(error, 'the answer in the ACK could not be taken'));
    },
    info: (contentType, body) => {
      const key = parseDtmfInfo(contentType, body);
      if (key !== null) pressed(key, 'info');
      transfers.connected()?.callerInfo(contentType, body);
      log.debug({ contentType, bytes: body.length }, 'INFO received in a call');
    },
  };

  const fault = (error: unknown, message: string): void => {
    log.error({ err: error }, message);
    dispatch({ type: 'hang-up', reason: 'error' });
  };

  let lastProgress = 0;
  let tellRang: () => void = () => {};
  const rang = new Promise<void>((resolve) => {
    tellRang = resolve;
  });
  const progress = (status: number, reason: string): void => {
    // A repeated provisional answer is no news.
    if (status < 180 || status === lastProgress || state.status === 'ended') return;
    lastProgress = status;
    session.note('call.ringing', { sipStatus: status, reason });
    answer.event('ringing', { 'sip.status': status });
    tellRang();
  };

  const connect = async (): Promise<void> => {
    try {
      dialog = await origin.connect(dialogEvents, progress);
      if (state.status === 'ended') return;
      leg.expectMedia();
      const answeredAt = clock.now();
      answer.end();
      parts.onAnswered(answeredAt - origin.begunAt);
      void session.change({
        status: 'active',
        answeredAt,
        timeline: [{ at: answeredAt, type: 'call.answered', data: {} }],
      });
      isAnswered = true;
      // The call goes on without a recording that cannot be written; the log has why.
      if (parts.record) await recording.act('start').catch(() => {});
      tellConnected({ answered: true });
      dispatch({ type: 'acknowledged' });
    } catch (error) {
      const { event, failure } = origin.failed(error);
      if (failure !== null) session.note('call.rejected', { ...failure });
      dispatch(event);
      tellConnected({ answered: false, failure });
    }
  };

  const recording = callRecording({
    ...{ leg, session, clock, log },
    place: parts.recordings,
    gather: () => transfers.gather(),
    answered: () => isAnswered && state.status !== 'ended',
  });

  const transfers = callTransfers(parts.transfers, {
    session,
    route,
    leg,
    callerProfile: origin.profile,
    callerDialog: () => dialog,
    recorded: recording.running,
    dispatch: (event) => dispatch(event),
    state: () => state,
    ...{ tracer, log },
  });

  /** A human talks with the caller: the call is not the agent's any more, unless it comes back. */
  const handedOver = (): boolean => state.destination === 'up';

  const doors = callDoors(parts.doors, {
    session,
    press: (digits) => pressKeys({ media: leg, dialog: () => dialog, profile: origin.profile }, digits),
    log,
    clock,
    agent: route.agent,
    endCall: () => {
      if (handedOver()) throw new GatewayError('not_available', transferred);
      dispatch({ type: 'hang-up', reason: 'agent-hangup' });
    },
    transfer: transferDoor(transfers, route.agent, parts.transfers.directory),
  });

  const tools = agentTools({
    ...{ doors, clock, log },
    agent: route.agent,
    directory: parts.transfers.directory,
    over: () => state.status === 'ended',
    handedOver,
  });
  const agent = callAgent({
    agent: parts.agent,
    fallBack: parts.fallBack,
    ...{ route, session, origin, leg, transfers, dispatch, tracer, log },
    credential: parts.credential,
    given: {
      ...{ doors, tools, rang },
      answered: new Promise((resolve) => {
        void connected.then(({ answered }) => {
          if (answered) resolve();
        });
      }),
    },
    state: () => state,
    ended: ended.signal,
  });

  const perform = (effect: CallEffect): void => {
    switch (effect.type) {
      case 'ring':
        origin.ring();
        session.note('call.ringing', {});
        answer.event('ringing');
        return;
      case 'answer':
      case 'dial':
        connecting = connect();
        return;
      case 'cancel-dial':
        origin.giveUp();
        return;
      case 'start-agent':
        agent.start();
        return;
      case 'mute-agent':
        agent.mute();
        return;
      case 'unmute-agent':
        agent.unmute();
        return;
      case 'stop-agent':
        void agent.stop('transferred');
        return;
      case 'fall-back':
        agent.fallBack();
        return;
      case 'ring-back':
        transfers.ringBack();
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

  const legs = (): readonly (readonly [string, MediaLeg])[] => {
    const destination = transfers.media();
    return [['caller', leg], ...(destination === null ? [] : [['destination', destination] as const])];
  };

  const end = (effect: Extract<CallEffect, { type: 'end' }>): void => {
    limit.cancel();
    answer.end({}, 'not-answered');
    // A reason spares the DOMException, with its stack, that abort() makes otherwise.
    ended.abort('ended');
    origin.cancelled.removeEventListener('abort', onCancelled);
    void closeCall({
      ...{ reason: effect.reason, detail: effect.detail },
      session,
      legs,
      measured: parts.onLegClosed,
      clock,
      log,
      recording: recording.running(),
      bye: async () => {
        const byeCaller = async (): Promise<void> => {
          if (!effect.byeCaller) return;
          await connecting;
          await dialog?.bye();
        };
        await Promise.all([byeCaller(), transfers.hangUp()]);
      },
      stopAgent: () => agent.stop('call-ended'),
    }).then(() => {
      parts.onEnded(effect.reason);
      tellConnected({ answered: false, failure: null });
      finish();
    });
  };

  const onCancelled = (): void => dispatch({ type: 'cancelled' });
  const limit = clock.after(parts.maxDuration, () => dispatch({ type: 'hang-up', reason: 'max-duration' }));

  const isNew = keyDoubles(() => clock.monotonic());
  const pressed = (key: Key, way: 'media' | 'info'): void => {
    if (!isNew(key, way)) return;
    session.note('dtmf.received', recording.notedKey(key));
    agent.dtmf(key.digit);
  };

  const mediaEvents: MediaLegEvents = {
    dtmf: (key) => {
      pressed(key, 'media');
      transfers.connected()?.callerKey(key);
    },
    firstPacket: () => session.note('media.started', {}),
    lost: (kind) => {
      session.note('media.lost', { kind });
      dispatch({ type: 'media-lost' });
    },
    hold: (held) => {
      session.note(held ? 'media.held' : 'media.resumed', {});
      transfers.callerHeld(held);
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
    dispatch(origin.first(agent.answers));
  };
  start();

  return {
    sessionId: session.id,
    orgId: route.organization.id,
    startedAt: origin.begunAt,
    ...{ route, mediaEvents, transfers, tools, recording, connected },
    hangUp: (reason) => dispatch({ type: 'hang-up', reason }),
    status: () => state.status,
    legs,
    done,
  };
};
