import type { SessionStore } from '../domain/sessions/index.js';
import { type RedisConnection, replyTextOrNull, sharedKey } from '../platform/redis/index.js';
import type { LiveKitAgent, RoomLeg } from '../telephony/agents/livekit/index.js';

/** Longer than any call may last, so that nothing of a lost instance stays for ever, ms. */
const kept = 90_000_000;
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

export type LegPlace = { readonly orgId: string; readonly sessionId: string; readonly instanceId: string };

/** Where the telephones in LiveKit rooms are, over all instances. */
export type LiveKitLegs = {
  /** A leg on this instance. */
  here(room: string, identity: string): RoomLeg | undefined;
  /** The session in whose room somebody is, or was made for. Throws GatewayError store_unavailable. */
  ofRoom(room: string): Promise<LegPlace | null>;
  /** The session of a telephone of ours; null when it is none of ours. Throws GatewayError store_unavailable. */
  find(room: string, identity: string): Promise<LegPlace | null>;
  /** Makes a leg known whose room does not bear its session's id. */
  remember(room: string, identity: string, sessionId: string): Promise<void>;
  forget(room: string, identity: string): Promise<void>;
};

/** A key for each leg, so that a Cluster spreads them. */
const keyOf = (room: string, identity: string): string => sharedKey(`livekit-leg.${room}.${identity}`);

export const createLiveKitLegs = (deps: {
  readonly redis: RedisConnection;
  readonly sessions: Pick<SessionStore, 'locate'>;
  readonly rooms: LiveKitAgent['rooms'];
}): LiveKitLegs => {
  const { redis, sessions, rooms } = deps;
  const locate = async (sessionId: string | null | undefined): Promise<LegPlace | null> => {
    if (sessionId === null || sessionId === undefined) return null;
    const found = await sessions.locate(sessionId);
    return found === null ? null : { ...found, sessionId };
  };
  return {
    here: rooms.find,
    // A call's own room has its session's id in its name, whatever the rule for names.
    ofRoom: (room) => locate(uuid.exec(room)?.[0]),
    async find(room, identity) {
      const local = rooms.find(room, identity)?.sessionId;
      if (local !== undefined) return locate(local);
      const remembered = replyTextOrNull(await redis.command('GET', keyOf(room, identity)));
      return (await locate(remembered)) ?? (await locate(uuid.exec(room)?.[0]));
    },
    async remember(room, identity, sessionId) {
      await redis.command('SET', keyOf(room, identity), sessionId, 'PX', kept);
    },
    async forget(room, identity) {
      await redis.command('DEL', keyOf(room, identity));
    },
  };
};
