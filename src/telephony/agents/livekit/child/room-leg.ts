import {
  DisconnectReason,
  LocalAudioTrack,
  ParticipantKind,
  type RemoteParticipant,
  type RemoteTrackPublication,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { type JoinOrder, type LegNews, longestPayload, type RoomEnd, type RpcReply } from '../protocol.js';
import { fromRoom } from './from-room.js';
import { listenForRoom } from './room-listener.js';
import { rpcServer } from './rpc-server.js';
import { toRoom } from './to-room.js';

/** Codes of the keys as LiveKit writes them (RFC 4733 section 3.2). */
const dtmfCode = (digit: string): number => '0123456789*#ABCD'.indexOf(digit.toUpperCase());

/** How long leaving a room waits for the last word to be sent, ms. */
const lastWordLimit = 500;

const endOf = (reason: DisconnectReason): RoomEnd => {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return 'left';
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return 'room-deleted';
    case DisconnectReason.PARTICIPANT_REMOVED:
    case DisconnectReason.DUPLICATE_IDENTITY:
      return 'removed';
    default:
      return 'lost';
  }
};

const reasonOf = (reason: DisconnectReason | undefined): string =>
  DisconnectReason[reason ?? DisconnectReason.UNKNOWN_REASON] ?? String(reason);

/** One caller in one room. */
export type RoomLeg = {
  /** 20 ms of the caller. */
  audio(samples: Int16Array): void;
  move(order: JoinOrder): Promise<void>;
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

/** Begins to join; what comes of it is told as news, and after `ended` nothing comes. */
export const roomLeg = (first: JoinOrder, events: RoomLegEvents): RoomLeg => {
  let over = false;
  let current: Room | null = null;
  let audible = false;
  let stopListening: () => void = () => {};
  const trouble = (message: string): void => news({ type: 'trouble', message });
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
  const quietly = (work: Promise<unknown>, what: string): void => {
    work.catch((error: unknown) => trouble(`${what} failed: ${String(error)}`));
  };

  const end = (how: RoomEnd, reason: string): void => {
    if (over) return;
    rpc.close();
    hearing.close();
    voice.close();
    stopListening();
    news({ type: 'ended', end: how, reason });
    over = true;
  };

  const want = (publication: RemoteTrackPublication): void => {
    if (publication.kind === TrackKind.KIND_AUDIO) publication.setSubscribed(true);
  };
  const wantAll = (room: Room): void => {
    for (const participant of room.remoteParticipants.values()) {
      for (const publication of participant.trackPublications.values()) want(publication);
    }
  };
  const isAgent = (participant: RemoteParticipant): boolean => participant.info.kind === ParticipantKind.AGENT;
  /** Somebody the caller talks with: after a warm transfer that is another telephone. */
  const isParty = (participant: RemoteParticipant): boolean =>
    isAgent(participant) || participant.info.kind === ParticipantKind.SIP;
  const welcome = (participant: RemoteParticipant): void => {
    if (isParty(participant)) news({ type: 'agent-joined', identity: participant.identity });
  };

  const listen = (room: Room): void => {
    // A room that was left for another one has nothing to say any more.
    const ifHere =
      <Args extends unknown[]>(handle: (...args: Args) => void) =>
      (...args: Args): void => {
        if (!over && current === room) handle(...args);
      };
    room.on(RoomEvent.ParticipantConnected, ifHere(welcome));
    room.on(
      RoomEvent.ParticipantDisconnected,
      ifHere((participant: RemoteParticipant) => {
        if (!isParty(participant) || [...room.remoteParticipants.values()].some(isParty)) return;
        const reason = reasonOf(participant.info.disconnectReason);
        news({ type: 'agent-left', identity: participant.identity, reason, phone: !isAgent(participant) });
      }),
    );
    room.on(
      RoomEvent.TrackPublished,
      ifHere((publication: RemoteTrackPublication) => want(publication)),
    );
    room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
      if (over || current !== room || publication.kind !== TrackKind.KIND_AUDIO) return;
      if (!hearing.add(publication.sid ?? '', track)) {
        trouble('a track was passed over: the room has too many');
        return;
      }
      hearing.mute(publication.sid ?? '', publication.muted === true);
      if (audible) return;
      audible = true;
      news({ type: 'audible', identity: participant.identity });
    });
    room.on(RoomEvent.TrackUnsubscribed, (_track, publication) => {
      if (current === room) hearing.remove(publication.sid ?? '');
    });
    room.on(RoomEvent.TrackMuted, (publication) => {
      if (current === room) hearing.mute(publication.sid ?? '', true);
    });
    room.on(RoomEvent.TrackUnmuted, (publication) => {
      if (current === room) hearing.mute(publication.sid ?? '', false);
    });
    room.on(
      RoomEvent.DtmfReceived,
      ifHere((_code: number, digit: string, participant: RemoteParticipant | undefined) => {
        if (participant !== undefined) news({ type: 'dtmf', digit, identity: participant.identity });
      }),
    );
    room.on(
      RoomEvent.Reconnecting,
      ifHere(() => news({ type: 'reconnecting' })),
    );
    room.on(
      RoomEvent.Reconnected,
      ifHere(() => {
        // After a full reconnect nothing is subscribed to.
        wantAll(room);
        news({ type: 'reconnected' });
      }),
    );
    room.on(
      RoomEvent.Disconnected,
      ifHere((reason: DisconnectReason) => end(endOf(reason), reasonOf(reason))),
    );
  };

  const join = async (order: JoinOrder): Promise<void> => {
    const room = new Room();
    current = room;
    audible = false;
    listen(room);
    await room.connect(order.url, order.token, {
      autoSubscribe: false,
      dynacast: false,
      dataStream: { maxPayloadByteLength: longestPayload },
    });
    if (over || current !== room) {
      await room.disconnect();
      return;
    }
    stopListening = listenForRoom(room, trouble);
    rpc.offer(room);
    news({ type: 'joined', sid: room.localParticipant?.sid ?? '' });
    for (const participant of room.remoteParticipants.values()) welcome(participant);
    wantAll(room);
    const track = LocalAudioTrack.createAudioTrack('caller', voice.source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, dtx: false, red: false });
    if (room.localParticipant === undefined) throw new Error('the room has no local participant');
    await room.localParticipant.publishTrack(track, options);
  };

  const joinOrSay = async (order: JoinOrder): Promise<void> => {
    try {
      await join(order);
    } catch (error) {
      const room = current;
      current = null;
      if (over) return;
      news({ type: 'join-failed', reason: error instanceof Error ? error.message : String(error) });
      await room?.disconnect().catch(() => {});
      end('lost', 'the room could not be joined');
    }
  };

  const part = async (room: Room | null): Promise<void> => {
    try {
      await room?.disconnect();
    } catch (error) {
      trouble(`leaving a room failed: ${String(error)}`);
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
      stopListening();
      if (!over) await joinOrSay(order);
    },
    setAttributes(attributes) {
      const participant = current?.localParticipant;
      if (participant !== undefined) quietly(participant.setAttributes({ ...attributes }), 'setting attributes');
    },
    dtmf(digit) {
      const code = dtmfCode(digit);
      const participant = current?.localParticipant;
      if (code >= 0 && participant !== undefined) quietly(participant.publishDtmf(code, digit), 'sending a digit');
    },
    reply: (id, reply) => rpc.reply(id, reply),
    async leave(attributes) {
      if (over) return;
      const room = current;
      if (room?.isConnected === true && Object.keys(attributes).length > 0) {
        const said = room.localParticipant?.setAttributes({ ...attributes }).catch(() => {});
        // An agent whose transfer has just succeeded still waits for the answer to it.
        await Promise.race([
          Promise.all([said, rpc.idle()]),
          new Promise((resolve) => setTimeout(resolve, lastWordLimit)),
        ]);
      }
      current = null;
      await part(room);
      end('left', 'the call has left the room');
    },
  };
};
