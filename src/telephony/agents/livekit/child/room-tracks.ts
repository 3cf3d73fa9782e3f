import { type RemoteTrackPublication, type Room, RoomEvent, TrackKind } from '@livekit/rtc-node';
import type { FromRoom } from './from-room.js';

/** How often it is looked whether what was subscribed to has come, ms. */
const lookEvery = 1_000;
/** How often a track that does not come is asked for, one look after the other; then it is given up. */
const mostRequests = 10;

export type RoomTracks = {
  /** Subscribes to all that is published already. */
  wantAll(): void;
  close(): void;
};

/**
 * Subscribes to the audio of the room and hands it on. LiveKit answers a request by the track and by nothing else, so one
 * that no track follows is made again: an agent that is not heard is lost.
 */
export const watchTracks = (
  room: Room,
  options: {
    /** False once the leg has left this room. */
    readonly here: () => boolean;
    readonly hearing: FromRoom;
    /** Somebody can be heard for the first time in this room. */
    readonly onAudible: (identity: string) => void;
    readonly onTrouble: (message: string) => void;
  },
): RoomTracks => {
  const { here, hearing, onTrouble } = options;
  let audible = false;
  /** Requests made for a track that has not come, by its id. */
  const requests = new Map<string, number>();

  const request = (publication: RemoteTrackPublication): void => {
    const sid = publication.sid ?? '';
    const made = requests.get(sid) ?? 0;
    if (made >= mostRequests) return;
    requests.set(sid, made + 1);
    if (made > 0) onTrouble(`a track did not come and is asked for again (${made + 1})`);
    publication.setSubscribed(true);
  };
  const want = (publication: RemoteTrackPublication): void => {
    if (publication.kind !== TrackKind.KIND_AUDIO || publication.subscribed) return;
    request(publication);
  };
  const wantAll = (): void => {
    for (const participant of room.remoteParticipants.values()) {
      for (const publication of participant.trackPublications.values()) want(publication);
    }
  };
  const look = setInterval(() => {
    if (here() && requests.size > 0) wantAll();
  }, lookEvery);

  room.on(RoomEvent.TrackPublished, (publication) => {
    if (here()) want(publication);
  });
  room.on(RoomEvent.TrackUnpublished, (publication) => requests.delete(publication.sid ?? ''));
  room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
    const sid = publication.sid ?? '';
    requests.delete(sid);
    if (!here() || publication.kind !== TrackKind.KIND_AUDIO) return;
    if (!hearing.add(sid, track)) {
      onTrouble('a track was passed over: the room has too many');
      return;
    }
    hearing.mute(sid, publication.muted === true);
    if (audible) return;
    audible = true;
    options.onAudible(participant.identity);
  });
  room.on(RoomEvent.TrackUnsubscribed, (_track, publication) => {
    if (here()) hearing.remove(publication.sid ?? '');
  });
  room.on(RoomEvent.TrackMuted, (publication) => {
    if (here()) hearing.mute(publication.sid ?? '', true);
  });
  room.on(RoomEvent.TrackUnmuted, (publication) => {
    if (here()) hearing.mute(publication.sid ?? '', false);
  });

  return {
    wantAll,
    close: () => clearInterval(look),
  };
};
