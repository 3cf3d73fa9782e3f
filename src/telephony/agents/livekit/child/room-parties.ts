import { DisconnectReason, ParticipantKind, type RemoteParticipant, type Room, RoomEvent } from '@livekit/rtc-node';
import type { LegNews } from '../protocol.js';
import { endOf, reasonOf } from './room-end.js';

/** How soon after an unexplained departure the connection shows that it was ours that broke, ms. */
const breakWithin = 250;
/** How long whoever was put out by a connection of their own making may take to be back by that, ms. */
const replacedWithin = 5_000;
/** How long our own end may follow that of the others when the room is deleted, ms. */
const ownEndWithin = 2_000;

/** How long somebody who has gone like this may turn out to be there after all, ms. */
const graceFor = (reason: DisconnectReason): number => {
  switch (reason) {
    // Said by the library, of everybody, when it gives a connection up; it says so itself a moment later.
    case DisconnectReason.UNKNOWN_REASON:
      return breakWithin;
    case DisconnectReason.DUPLICATE_IDENTITY:
      return replacedWithin;
    default:
      return 0;
  }
};

const isAgent = (participant: RemoteParticipant): boolean => participant.info.kind === ParticipantKind.AGENT;
/** Somebody the caller talks with: after a warm transfer that is another telephone. */
const isParty = (participant: RemoteParticipant): boolean =>
  isAgent(participant) || participant.info.kind === ParticipantKind.SIP;

export type RoomParties = {
  /** Tells of those who are there already. */
  welcomeAll(): void;
  /** The connection is interrupted. True when everybody was dropped for that, as for a connection that is given up. */
  interrupted(): boolean;
  resumed(): void;
};

/** Tells who comes and who goes of those the caller can talk with. */
export const watchParties = (
  room: Room,
  options: {
    /** False once the leg has left this room. */
    readonly here: () => boolean;
    readonly news: (news: LegNews) => void;
    /** Others were put out of the room because it was deleted, and we were forgotten. */
    readonly onDeleted: () => void;
  },
): RoomParties => {
  let away = false;
  /** Those who are not told of yet as having gone. */
  const doubtful = new Set<{ readonly reason: DisconnectReason; readonly tell: () => void }>();

  const welcome = (participant: RemoteParticipant): void => {
    if (isParty(participant)) options.news({ type: 'agent-joined', identity: participant.identity });
  };
  const tellLeft = (participant: RemoteParticipant, reason: DisconnectReason): void => {
    if ([...room.remoteParticipants.values()].some(isParty)) return;
    options.news({
      ...{ type: 'agent-left', identity: participant.identity, reason: reasonOf(reason) },
      phone: !isAgent(participant),
    });
  };

  room.on(RoomEvent.ParticipantConnected, (participant) => {
    if (options.here()) welcome(participant);
  });
  room.on(RoomEvent.ParticipantDisconnected, (participant) => {
    if (!options.here()) return;
    const reason = participant.info.disconnectReason ?? DisconnectReason.UNKNOWN_REASON;
    // A room that is deleted puts everybody out, others perhaps a moment before us: then our own end says it all.
    if (endOf(reason) === 'room-deleted') {
      setTimeout(() => options.here() && options.onDeleted(), ownEndWithin);
      return;
    }
    const grace = away ? 0 : graceFor(reason);
    const one = {
      reason,
      tell: () => {
        if (doubtful.delete(one) && options.here() && isParty(participant)) tellLeft(participant, reason);
      },
    };
    doubtful.add(one);
    if (grace === 0) one.tell();
    else setTimeout(one.tell, grace);
  });

  return {
    welcomeAll() {
      for (const participant of room.remoteParticipants.values()) welcome(participant);
    },
    interrupted() {
      away = true;
      const dropped = [...doubtful];
      for (const { tell } of dropped) tell();
      return dropped.some(({ reason }) => reason === DisconnectReason.UNKNOWN_REASON);
    },
    resumed() {
      away = false;
    },
  };
};
