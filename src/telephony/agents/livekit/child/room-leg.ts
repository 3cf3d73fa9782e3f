import {
  type DisconnectReason,
  LocalAudioTrack,
  type RemoteParticipant,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { createTokenBucket } from '../../../../core/rate-limit.js';
import { type JoinOrder, type LegNews, longestPayload, type RoomEnd, type RpcReply } from '../protocol.js';
import { fromRoom } from './from-room.js';
import { endOf, reasonOf } from './room-end.js';
import { listenForRoom } from './room-listener.js';
import { type RoomParties, watchParties } from './room-parties.js';
import { type RoomTracks, watchTracks } from './room-tracks.js';
import { rpcServer } from './rpc-server.js';
import { toRoom } from './to-room.js';

/** Codes of the keys as LiveKit writes them (RFC 4733 section 3.2). */
const dtmfCode = (digit: string): number => '0123456789*#ABCD'.indexOf(digit.toUpperCase());

/** How long leaving a room waits for the last word to be sent, ms. */
const lastWordLimit = 500;
/** How long leaving a room may take, ms: the library has been seen to wait for ever. */
const partLimit = 2_000;
/** Keys that are passed on; a number of 15 digits may come at once. */
const keyRate = { perSecond: 20, burst: 40 };
/** How long LiveKit may take to say which room it is that was joined, ms. */
const sidLimit = 2_000;

/** Rejects after `ms` where the work has not settled. */
const within = async <T>(work: Promise<T>, ms: number): Promise<T> => {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(limit);
  }
};

/** LiveKit's id of the room, another one when a room of that name is made anew; empty when it is not told. */
const sidOf = (room: Room): Promise<string> => within(room.getSid(), sidLimit).catch(() => '');

/** One caller in one room. */
export type RoomLeg = {
  /** 20 ms of the caller. */
  audio(samples: Int16Array): void;
  move(order: JoinOrder): Promise<void>;
  /** Joins its room anew under the same identity, which makes LiveKit drop the former connection, and ends that. */
  rejoin(order: JoinOrder): Promise<void>;
  setAttributes(attributes: Readonly<Record<string, string>>): void;
  dtmf(digit: string): void;
  reply(id: number, reply: RpcReply): void;
  leave(attributes: Readonly<Record<string, string>>): Promise<void>;
};

export type RoomLegEvents = {
  readonly news: (news: LegNews) => void;
  /** 20 ms of the room. */
  readonly audio: (samples: Int16Array) => void;
  readonly cleared: () => void;
};

/** A room that was joined or is being joined. */
type Visit = { readonly room: Room; readonly parties: RoomParties; readonly tracks: RoomTracks; stop: () => void };

/** Begins to join; what comes of it is told as news, and after `ended` nothing comes. */
export const roomLeg = (first: JoinOrder, events: RoomLegEvents): RoomLeg => {
  let over = false;
  let current: Visit | null = null;
  /** Which room it was that was joined last. */
  let roomSid = Promise.resolve('');
  const trouble = (message: string): void => news({ type: 'trouble', message });
  let described: Promise<void> = Promise.resolve();
  /** One after the other: the library keeps no order among several, and a call that is `active` would be `ringing` again. */
  const describe = (attributes: Readonly<Record<string, string>>): Promise<void> => {
    const before = described.catch(() => {});
    described = before.then(() => current?.room.localParticipant?.setAttributes({ ...attributes }));
    return described;
  };
  const news = (what: LegNews): void => {
    if (!over) events.news(what);
  };
  const rpc = rpcServer((call) => news({ type: 'rpc', ...call }));
  const hearing = fromRoom({
    onFrame: (samples) => {
      if (!over) events.audio(samples);
    },
    onCleared: () => {
      if (!over) events.cleared();
    },
    onTrouble: trouble,
  });
  const voice = toRoom(trouble);
  const keys = createTokenBucket(keyRate, () => performance.now());
  let keysWereLost = false;
  const quietly = (work: Promise<unknown>, what: string): void => {
    work.catch((error: unknown) => trouble(`${what} failed: ${String(error)}`));
  };

  const end = (how: RoomEnd, reason: string): void => {
    if (over) return;
    rpc.close();
    hearing.close();
    voice.close();
    current?.stop();
    news({ type: 'ended', end: how, reason });
    over = true;
  };

  const part = async (visit: Visit | null): Promise<void> => {
    if (visit === null) return;
    try {
      await within(visit.room.disconnect(), partLimit);
    } catch (error) {
      trouble(`leaving a room failed: ${String(error)}`);
    }
    visit.stop();
  };

  const deleted = (): void => {
    const visit = current;
    current = null;
    end('room-deleted', 'ROOM_DELETED');
    void part(visit);
  };

  /** Connection and keys; who is there and what is heard have files of their own. */
  const listen = (
    visit: Visit,
    ifHere: <A extends unknown[]>(handle: (...args: A) => void) => (...args: A) => void,
  ) => {
    const { room, parties, tracks } = visit;
    /** Since the connection was interrupted: null while it is not, true when the library makes a new one. */
    let restarts: boolean | null = null;
    const restarted = (): void => {
      if (restarts !== null) restarts = true;
    };
    room.on(
      RoomEvent.DtmfReceived,
      ifHere((_code: number, digit: string, participant: RemoteParticipant | undefined) => {
        if (participant === undefined) return;
        if (keys.take() === 0) return news({ type: 'dtmf', digit, identity: participant.identity });
        if (!keysWereLost) trouble('keys come faster than anybody presses them and are left out');
        keysWereLost = true;
      }),
    );
    room.on(
      RoomEvent.Reconnecting,
      ifHere(() => {
        news({ type: 'reconnecting' });
        restarts = parties.interrupted();
      }),
    );
    // For a new connection the library drops everybody and publishes again.
    room.on(RoomEvent.ParticipantDisconnected, ifHere(restarted));
    room.on(RoomEvent.LocalTrackRepublished, ifHere(restarted));
    room.on(
      RoomEvent.Reconnected,
      ifHere(() => {
        const anew = restarts === true;
        restarts = null;
        parties.resumed();
        if (!anew) tracks.wantAll();
        // On a busy machine one in twelve of the new connections that the library makes stays deaf: neither participants
        // nor tracks are told of any more, and leaving does not end either. One of our own making is none of these.
        news({ type: anew ? 'restarted' : 'reconnected' });
      }),
    );
    room.on(
      RoomEvent.Disconnected,
      ifHere((reason: DisconnectReason) => end(endOf(reason), reasonOf(reason))),
    );
  };

  const visitOf = (room: Room): Visit => {
    // A room that was left for another one has nothing to say any more.
    const here = (): boolean => !over && current?.room === room;
    const visit: Visit = {
      room,
      parties: watchParties(room, { here, news, onDeleted: deleted }),
      tracks: watchTracks(room, {
        ...{ here, hearing, onTrouble: trouble },
        onAudible: (identity) => news({ type: 'audible', identity }),
      }),
      stop: () => visit.tracks.close(),
    };
    listen(visit, (handle) => (...args) => {
      if (here()) handle(...args);
    });
    return visit;
  };

  /** `before`: id of the room that is joined again; empty where it is another one, or not known. */
  const join = async (visit: Visit, order: JoinOrder, before: string): Promise<void> => {
    const { room, parties, tracks } = visit;
    await room.connect(order.url, order.token, {
      autoSubscribe: false,
      dynacast: false,
      dataStream: { maxPayloadByteLength: longestPayload },
    });
    const stopListening = listenForRoom(room, trouble);
    visit.stop = () => {
      tracks.close();
      stopListening();
    };
    const isHere = (): boolean => !over && current === visit;
    if (!isHere()) return part(visit);
    roomSid = sidOf(room);
    const sid = before === '' ? '' : await roomSid;
    if (!isHere()) return part(visit);
    const { localParticipant } = room;
    if (localParticipant === undefined) throw new Error('the room has no local participant');
    rpc.offer(room);
    news({ type: 'joined', sid: localParticipant.sid ?? '', anew: sid !== before && sid !== '' });
    parties.welcomeAll();
    tracks.wantAll();
    const track = LocalAudioTrack.createAudioTrack('caller', voice.source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, dtx: false, red: false });
    await localParticipant.publishTrack(track, options);
  };

  const joinOrSay = async (order: JoinOrder, before = ''): Promise<void> => {
    const visit = visitOf(new Room());
    current = visit;
    try {
      await join(visit, order, before);
    } catch (error) {
      // What fails in a room that was left has been left behind.
      if (over || current !== visit) return part(visit);
      current = null;
      news({ type: 'join-failed', reason: error instanceof Error ? error.message : String(error) });
      await part(visit);
      end('lost', 'the room could not be joined');
    }
  };

  void joinOrSay(first);

  return {
    audio: (samples) => voice.send(samples),
    async move(order) {
      const before = current;
      // From here on what that room says, its end above all, is not the leg's.
      current = null;
      hearing.close();
      await part(before);
      if (!over) await joinOrSay(order);
    },
    async rejoin(order) {
      const before = current;
      const sid = await roomSid;
      if (over || before === null || current !== before) return;
      hearing.close();
      await joinOrSay(order, sid);
      await part(before);
    },
    setAttributes: (attributes) => quietly(describe(attributes), 'setting attributes'),
    dtmf(digit) {
      const code = dtmfCode(digit);
      const participant = current?.room.localParticipant;
      if (code >= 0 && participant !== undefined) quietly(participant.publishDtmf(code, digit), 'sending a digit');
    },
    reply: (id, reply) => rpc.reply(id, reply),
    async leave(attributes) {
      if (over) return;
      const visit = current;
      if (visit?.room.isConnected === true && Object.keys(attributes).length > 0) {
        const said = describe(attributes).catch(() => {});
        // An agent whose transfer has just succeeded still waits for the answer to it.
        await Promise.race([
          Promise.all([said, rpc.idle()]),
          new Promise((resolve) => setTimeout(resolve, lastWordLimit)),
        ]);
      }
      current = null;
      await part(visit);
      end('left', 'the call has left the room');
    },
  };
};
