import { DisconnectReason } from '@livekit/rtc-node';
import type { RoomEnd } from '../protocol.js';

/** What LiveKit's reason means for the leg. */
export const endOf = (reason: DisconnectReason): RoomEnd => {
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

/** LiveKit's word for it. */
export const reasonOf = (reason: DisconnectReason | undefined): string =>
  DisconnectReason[reason ?? DisconnectReason.UNKNOWN_REASON] ?? String(reason);
