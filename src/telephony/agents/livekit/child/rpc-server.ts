import { ParticipantKind, type Room, RpcError } from '@livekit/rtc-node';
import { longestPayload, type RpcReply, rpcMethods } from '../protocol.js';

/** Calls of one leg that may be under way; a runaway agent is told so here, before it costs the gateway anything. */
const mostInFlight = 32;

export type RpcServer = {
  /** Offers the methods to the room. */
  offer(room: Room): void;
  reply(id: number, reply: RpcReply): void;
  /**
   * Resolves when no call is under way and the last answer has had time to leave: the library does not say when it has,
   * and what it still holds is lost with the connection.
   */
  idle(): Promise<void>;
  close(): void;
};

/** How long an answer may take from the library to the agent's side, ms. */
const sendingLimit = 200;

/** Takes calls from participants of kind agent; anybody else in the room is refused. */
export const rpcServer = (
  forward: (call: { id: number; method: string; payload: string; identity: string }) => void,
): RpcServer => {
  const pending = new Map<number, (reply: RpcReply) => void>();
  let lastId = 0;
  let onIdle: (() => void)[] = [];
  let answeredAt = Number.NEGATIVE_INFINITY;
  const settle = (id: number, reply: RpcReply): void => {
    pending.get(id)?.(reply);
    if (pending.delete(id)) answeredAt = performance.now();
    if (pending.size > 0) return;
    const waiting = onIdle;
    onIdle = [];
    for (const resolve of waiting) resolve();
  };

  const serve = async (room: Room, method: string, identity: string, payload: string): Promise<string> => {
    if (room.remoteParticipants.get(identity)?.info.kind !== ParticipantKind.AGENT)
      throw new RpcError(403, 'Only agents may call this.');
    if (Buffer.byteLength(payload) > longestPayload)
      throw RpcError.builtIn('REQUEST_PAYLOAD_TOO_LARGE', `The payload is longer than ${longestPayload} octets.`);
    if (pending.size >= mostInFlight) throw new RpcError(429, `${mostInFlight} calls are under way already.`);
    lastId += 1;
    const id = lastId;
    const reply = await new Promise<RpcReply>((resolve) => {
      pending.set(id, resolve);
      forward({ id, method, payload, identity });
    });
    if (reply.ok) return reply.payload;
    throw new RpcError(reply.code, reply.message, reply.data ?? undefined);
  };

  return {
    offer(room) {
      for (const method of rpcMethods) {
        room.localParticipant?.registerRpcMethod(method, ({ callerIdentity, payload }) =>
          serve(room, method, callerIdentity, payload),
        );
      }
    },
    reply: settle,
    async idle() {
      if (pending.size > 0) await new Promise<void>((resolve) => onIdle.push(resolve));
      const rest = answeredAt + sendingLimit - performance.now();
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    },
    close() {
      for (const id of [...pending.keys()])
        settle(id, { ok: false, code: 410, message: 'The call has ended.', data: null });
    },
  };
};
