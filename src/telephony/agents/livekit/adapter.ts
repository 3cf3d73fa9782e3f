import type { Clock, Timer } from '../../../core/clock.js';
import type { Logger } from '../../../core/logger.js';
import type {
  AgentAdapter,
  AgentContext,
  AgentEvents,
  AgentLeg,
  InsteadOfAgent,
  Playback,
} from '../../../domain/calls/ports.js';
import { roomKeys } from './key-queue.js';
import { type LegConfig, type Loss, legFaults, legSchema } from './leg-config.js';
import { type ChildPool, createPool, type PoolLimits, poolLimits } from './pool.js';
import { watchReachability } from './reachability.js';
import { roomName } from './room-name.js';
import { createRooms, type RoomLeg, type Rooms } from './rooms.js';
import { callerAsParticipant } from './sip-participant.js';
import type { LiveKitServer } from './tokens.js';
import { answerRpc } from './tools-rpc.js';

export type LiveKitAgentOptions = {
  readonly server: LiveKitServer;
  /** How long an agent may take to be heard when its leg says nothing, ms. */
  readonly readyWithin: number;
  /** How long a call may be without LiveKit before the agent counts as lost, ms. */
  readonly reconnectWithin: number;
  readonly limits?: Partial<PoolLimits>;
  /** Environment of the child processes, for TLS and proxies. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onReachable?: (up: boolean) => void;
  readonly clock: Clock;
  readonly log: Logger;
};

export type LiveKitAgent = {
  readonly adapter: AgentAdapter;
  /** Telephones in rooms, whoever put them there. */
  readonly rooms: Rooms;
  /** The child processes, for health and measurements. */
  readonly pool: Pick<ChildPool, 'report'>;
  /** What keeps LiveKit from being used, in a sentence; null when nothing does. */
  fault(): string | null;
  close(): Promise<void>;
};

/** How long an agent may take to be in the room again once the connection is back, ms. */
const comebackWithin = 5_000;

const insteadOf = (config: LegConfig, loss: Loss): InsteadOfAgent => {
  const what = config.onLost[loss];
  if (what === 'hangup') return { type: 'hang-up' };
  return { type: what, message: config.message ?? null };
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Agents in LiveKit rooms. Starts its child processes at once, so that the first call does not wait for them. */
export const createLiveKitAgent = (options: LiveKitAgentOptions): LiveKitAgent => {
  const { clock, log } = options;
  const pool = createPool({ limits: { ...poolLimits, ...options.limits }, env: options.env ?? {}, clock, log });
  const rooms = createRooms({ server: options.server, pool });
  const reachability = watchReachability({
    ...{ server: options.server, clock, log },
    onLook: (up) => options.onReachable?.(up),
  });

  const start = async (context: AgentContext, events: AgentEvents): Promise<AgentLeg> => {
    const config = legSchema.parse(context.config);
    // Who was called is there already, and hears no ringing from somebody who rang them.
    const inbound = context.direction === 'inbound';
    const ringing = inbound && config.answer === 'when-ready';
    let room: RoomLeg | null = null;
    let over = false;
    let away: Timer | null = null;
    let comeback: Timer | null = null;
    let absent = false;
    let onAudible: () => void = () => {};
    const audible = new Promise<void>((resolve) => {
      onAudible = resolve;
    });
    const keys = roomKeys(context);
    /** Aborted when the agent is lost or the call is over. */
    const stopped = new AbortController();

    const finish = async (): Promise<void> => {
      over = true;
      stopped.abort('ended');
      waiting.cancel();
      away?.cancel();
      comeback?.cancel();
      ringback?.stop();
      await room?.leave({ 'sip.callStatus': 'hangup' });
    };
    const lost = (loss: Loss, reason: string): void => {
      if (over) return;
      const instead = insteadOf(config, loss);
      // Deleting the room is how an agent hangs up: nothing has failed then.
      const failed = !(instead.type === 'hang-up' && (loss === 'roomDeleted' || loss === 'removed'));
      void finish();
      events.left({ failed, reason, instead });
    };

    /** Whom the caller was handed to in the room has hung up: the call is over, and nothing has failed. */
    const hungUp = (reason: string): void => {
      if (over) return;
      void finish();
      events.left({ failed: false, reason });
    };

    /** A caller who is there already hears ringing until the agent can be heard. */
    let ringback: Playback | null = null;
    const waiting = clock.after((config.readyWithin ?? options.readyWithin / 1_000) * 1_000, () =>
      lost('neverJoined', 'the agent could not be heard in time'),
    );
    if (inbound && !ringing) ringback = context.leg.play({ type: 'tone', tone: 'ringback' }, { loop: true });

    const join = async (): Promise<RoomLeg> => {
      const { token, apiUrl } = await context.credential();
      const voiceGateway = { sessionId: context.sessionId, token, apiUrl };
      const self = callerAsParticipant(context, config);
      return rooms.join(
        {
          participant: {
            ...self,
            attributes: { ...self.attributes, 'sip.callStatus': ringing ? 'ringing' : 'active' },
            room: roomName(config.room, {
              session: context.sessionId,
              organization: context.orgId,
              agent: context.agentId,
              caller: config.hideNumber ? '' : (context.caller.e164 ?? ''),
              called: context.called,
            }),
            dispatch: {
              agentName: config.agentName,
              metadata: JSON.stringify({ ...config.metadata, voiceGateway }),
            },
          },
          ...{ sessionId: context.sessionId, leg: context.leg, hold: ringing, log: context.log },
        },
        {
          audible: onAudible,
          agentJoined: () => {
            absent = false;
            comeback?.cancel();
          },
          agentLeft: (_identity, reason, phone) => {
            // While the connection is interrupted everybody counts as gone; who is, shows when it is back.
            if (away !== null) absent = true;
            else if (phone) hungUp('the other telephone in the room hung up');
            else lost('left', `the agent left the room (${reason})`);
          },
          dtmf: (digit) => keys.press(digit),
          rpc: (method, payload) => answerRpc(context, method, payload),
          reconnecting: () => {
            away ??= clock.after(options.reconnectWithin, () =>
              lost('unreachable', 'the connection to LiveKit was lost'),
            );
          },
          reconnected: () => {
            away?.cancel();
            away = null;
            if (absent) comeback = clock.after(comebackWithin, () => lost('left', 'the agent did not come back'));
          },
          ended: (end, reason) => {
            if (end === 'room-deleted') lost('roomDeleted', 'the room was deleted');
            else if (end === 'removed') lost('removed', 'the caller was removed from the room');
            else lost('unreachable', end === 'child-died' ? reason : `LiveKit ended the connection (${reason})`);
          },
        },
        stopped.signal,
      );
    };

    const leg: AgentLeg = {
      dtmf: (digit) => room?.dtmf(digit),
      mute: () => room?.setMuted(true),
      unmute: () => room?.setMuted(false),
      stop: finish,
    };

    const onEnd = (): void => void finish();
    context.signal.addEventListener('abort', onEnd, { once: true });
    if (context.signal.aborted) onEnd();
    try {
      room = await join();
      // The call may have ended while the room was joined.
      if (over) await finish();
      else await Promise.race([audible, aborted(stopped.signal)]);
    } catch (error) {
      if (!over) lost('unreachable', error instanceof Error ? error.message : String(error));
    }
    waiting.cancel();
    ringback?.stop();
    if (ringing) {
      void context.answered.then(() => {
        room?.release();
        room?.setAttributes({ 'sip.callStatus': 'active' });
      });
    }
    return leg;
  };

  return {
    adapter: {
      type: 'livekit',
      answers: (config) => legSchema.safeParse(config).data?.answer ?? 'when-ready',
      start,
      validate: legFaults,
    },
    rooms,
    pool,
    fault: () => reachability.fault(),
    async close() {
      reachability.stop();
      await pool.close();
    },
  };
};
