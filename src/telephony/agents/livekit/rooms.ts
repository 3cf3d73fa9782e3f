import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import type { MediaLeg } from '../../../domain/calls/ports.js';
import { type CallerPort, callerPort } from './caller-port.js';
import type { LiveKitChild } from './child-process.js';
import type { ChildPool } from './pool.js';
import type { JoinOrder, LegNews, RoomEnd, RpcReply } from './protocol.js';
import { type LiveKitServer, participantToken, type SipParticipant } from './tokens.js';

/** What the owner of a leg in a room hears of it. */
export type RoomEvents = {
  /** Somebody's audio can be heard for the first time in this room. */
  audible?(identity: string): void;
  agentJoined?(identity: string): void;
  /** The last agent, or other telephone, has left. */
  agentLeft?(identity: string, reason: string, phone: boolean): void;
  /** A key that a participant sends to the caller. */
  dtmf?(digit: string, identity: string): void;
  /** An agent calls a method of the caller's participant. Must not reject. */
  rpc?(method: string, payload: string): Promise<RpcReply>;
  reconnecting?(): void;
  /** `anew`: the former room is no more, this is another one of the same name. */
  reconnected?(anew: boolean): void;
  /** The leg is over; not called when `leave` ended it. `child-died`: the process that held the room ended. */
  ended(end: Exclude<RoomEnd, 'left'> | 'child-died', reason: string): void;
};

export type RoomRequest = {
  readonly participant: SipParticipant;
  readonly sessionId: string;
  /** The telephone's side; its audio goes to the room and the room's to it. */
  readonly leg: Pick<MediaLeg, 'attach'>;
  /** Keep what the room says until `release`. */
  readonly hold: boolean;
  readonly log: Logger;
};

/** One telephone in one room. */
export type RoomLeg = {
  readonly sessionId: string;
  readonly identity: string;
  readonly room: () => string;
  /** LiveKit's id of the participant. */
  readonly sid: () => string;
  /** Plays what was held; from now on nothing is held. */
  release(): void;
  setMuted(muted: boolean): void;
  dtmf(digit: string): void;
  setAttributes(attributes: Readonly<Record<string, string>>): void;
  /**
   * Leaves its room and joins another one under the same identity, name and attributes.
   * Rejects with GatewayError livekit_unavailable; the leg has then `ended`.
   */
  move(room: string): Promise<void>;
  /** Sets these attributes as a last word and leaves. Idempotent; resolves when nothing of the leg is left. */
  leave(attributes?: Readonly<Record<string, string>>): Promise<void>;
};

export type Rooms = {
  /** Rejects with GatewayError livekit_unavailable or overloaded, or with the signal's reason when it was aborted. */
  join(request: RoomRequest, events: RoomEvents, signal?: AbortSignal): Promise<RoomLeg>;
  /** The live leg of that name in that room. */
  find(room: string, identity: string): RoomLeg | undefined;
};

/** How long leaving may take before the leg is given up, ms. */
const leaveLimit = 3_000;

type Joining = { readonly resolve: (anew: boolean) => void; readonly reject: (error: GatewayError) => void };

export const createRooms = (options: { readonly server: LiveKitServer; readonly pool: ChildPool }): Rooms => {
  const { server, pool } = options;
  const legs = new Set<RoomLeg>();
  let lastLeg = 0;
  const orderFor = async (participant: SipParticipant): Promise<JoinOrder> => ({
    url: server.url,
    token: await participantToken(server, participant),
  });

  const open = (
    child: LiveKitChild,
    request: RoomRequest,
    events: RoomEvents,
    order: JoinOrder,
  ): { readonly leg: RoomLeg; readonly joined: Promise<unknown> } => {
    const { log } = request;
    lastLeg += 1;
    const number = lastLeg;
    let { participant } = request;
    let state: 'here' | 'leaving' | 'over' = 'here';
    let joining: Joining | null = null;
    let hasJoined = false;
    let sid = '';
    let onOver: () => void = () => {};
    const overPromise = new Promise<void>((resolve) => {
      onOver = resolve;
    });

    const waitForJoin = (): Promise<boolean> =>
      new Promise((resolve, reject) => {
        joining = { resolve, reject };
      });
    const joinFailed = (reason: string): void => {
      joining?.reject(
        new GatewayError('livekit_unavailable', `LiveKit's room could not be joined: ${reason.replace(/\.$/, '')}.`),
      );
      joining = null;
    };

    const port: CallerPort = callerPort({
      leg: request.leg,
      hold: request.hold,
      onCaller: (samples) => child.audio(number, samples),
    });

    const over = (end: RoomEnd | 'child-died', reason: string): void => {
      if (state === 'over') return;
      const wanted = state === 'leaving';
      state = 'over';
      port.close();
      legs.delete(leg);
      child.leave(number);
      pool.vacated(child);
      joinFailed(reason);
      onOver();
      if (port.dropped() > 0) log.debug({ frames: port.dropped() }, 'frames of an agent were left out');
      // Who waits for the first join hears of its failure from that.
      if (!wanted && hasJoined) events.ended(end === 'left' ? 'lost' : end, reason);
    };

    const rpc = async (call: Extract<LegNews, { type: 'rpc' }>): Promise<void> => {
      const reply: RpcReply = (await events.rpc?.(call.method, call.payload)) ?? {
        ...{ ok: false, code: 404, message: 'This participant has no such method.', data: null },
      };
      child.send({ type: 'rpc-reply', leg: number, id: call.id, reply });
    };

    const news = (what: LegNews): void => {
      switch (what.type) {
        case 'joined':
          sid = what.sid;
          hasJoined = true;
          joining?.resolve(what.anew);
          joining = null;
          break;
        case 'join-failed':
          joinFailed(what.reason);
          break;
        case 'audible':
          events.audible?.(what.identity);
          break;
        case 'agent-joined':
          events.agentJoined?.(what.identity);
          break;
        case 'agent-left':
          events.agentLeft?.(what.identity, what.reason, what.phone);
          break;
        case 'dtmf':
          events.dtmf?.(what.digit, what.identity);
          break;
        case 'rpc':
          void rpc(what);
          break;
        case 'reconnecting':
          log.warn({ room: participant.room }, 'the connection of a call to LiveKit is interrupted');
          events.reconnecting?.();
          break;
        case 'reconnected':
          log.info({ room: participant.room }, 'the connection of a call to LiveKit is back');
          events.reconnected?.(false);
          break;
        case 'restarted':
          void rejoin();
          break;
        case 'trouble':
          log.warn({ trouble: what.message }, 'trouble in the LiveKit leg of a call');
          break;
        case 'ended':
          over(what.end, what.reason);
      }
    };

    const enter = async (type: 'move' | 'rejoin'): Promise<boolean> => {
      const joined = waitForJoin();
      port.clear();
      child.send({ type, leg: number, order: await orderFor(participant) });
      try {
        return await joined;
      } catch (error) {
        over('lost', error instanceof Error ? error.message : String(error));
        throw error;
      }
    };
    const rejoin = async (): Promise<void> => {
      // Who moves or leaves has no use for the room as it was.
      if (state !== 'here' || joining !== null) return;
      // Its agents were called when the room was made.
      participant = { ...participant, dispatch: null };
      let anew: boolean;
      try {
        anew = await enter('rejoin');
      } catch {
        return;
      }
      log.info({ room: participant.room, anew }, 'a call has joined its LiveKit room again');
      events.reconnected?.(anew);
    };

    const leg: RoomLeg = {
      sessionId: request.sessionId,
      identity: participant.identity,
      room: () => participant.room,
      sid: () => sid,
      release: () => port.release(),
      setMuted: (muted) => port.setMuted(muted),
      dtmf: (digit) => child.send({ type: 'dtmf', leg: number, digit }),
      setAttributes(attributes) {
        participant = { ...participant, attributes: { ...participant.attributes, ...attributes } };
        child.send({ type: 'attributes', leg: number, attributes });
      },
      async move(room) {
        if (state !== 'here') throw new GatewayError('session_ended', 'The leg has left its room.');
        if (joining !== null) throw new GatewayError('conflict', 'The leg is on its way into a room already.');
        // A room that is moved to exists already and has its agents.
        participant = { ...participant, room, dispatch: null };
        await enter('move');
      },
      async leave(attributes = {}) {
        if (state === 'here') {
          state = 'leaving';
          port.close();
          child.send({ type: 'leave', leg: number, attributes });
        }
        const limit = setTimeout(() => over('left', 'leaving took too long'), leaveLimit);
        await overPromise;
        clearTimeout(limit);
      },
    };
    const joined = waitForJoin();
    legs.add(leg);
    child.join(number, {
      news,
      audio: (samples) => port.fromRoom(samples),
      cleared: () => port.clear(),
      died: (reason) => over('child-died', reason),
    });
    child.send({ type: 'join', leg: number, order });
    log.info({ room: participant.room, child: child.report().pid }, 'a call joins a LiveKit room');
    return { leg, joined };
  };

  return {
    async join(request, events, signal) {
      const order = await orderFor(request.participant);
      const child = await pool.seat();
      signal?.throwIfAborted();
      const { leg, joined } = open(child, request, events, order);
      const abandon = (): void => void leg.leave();
      signal?.addEventListener('abort', abandon, { once: true });
      try {
        await joined;
        signal?.throwIfAborted();
        return leg;
      } finally {
        signal?.removeEventListener('abort', abandon);
      }
    },
    find: (room, identity) => [...legs].find((leg) => leg.room() === room && leg.identity === identity),
  };
};
