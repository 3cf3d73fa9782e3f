import type { Clock, Timer } from '../../../core/clock.js';
import type { AgentAdapter, AgentContext, AgentEvents, AgentLeg } from '../../../domain/calls/ports.js';
import { roomKeys } from './key-queue.js';
import type { RoomLeg, Rooms } from './rooms.js';
import { calleeAsParticipant } from './sip-participant.js';
import { answerRpc } from './tools-rpc.js';

/** Somebody who is called into a room, as whoever asks for it describes them. */
export type GuestRequest = {
  readonly room: string;
  /** Empty: by their number. */
  readonly identity: string;
  readonly name: string;
  readonly metadata: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly hideNumber: boolean;
};

export type RoomGuest = {
  /** Takes the agent's place in the call: the room is whom the person talks with. */
  readonly adapter: AgentAdapter;
  /** The leg once it is in its room; null when it never gets there. */
  readonly joined: Promise<RoomLeg | null>;
};

/** How long a guest may be without LiveKit, and then without the others, before the call ends, ms. */
const patience = 15_000;

/**
 * Puts the person of an outbound call into a room that others have made, as LiveKit's CreateSIPParticipant does: there
 * while it rings, heard and hearing once they have answered.
 */
export const roomGuest = (rooms: Rooms, guest: GuestRequest, clock: Clock): RoomGuest => {
  let tell: (leg: RoomLeg | null) => void = () => {};
  const joined = new Promise<RoomLeg | null>((resolve) => {
    tell = resolve;
  });

  const start = async (context: AgentContext, events: AgentEvents): Promise<AgentLeg> => {
    /** Runs while LiveKit is away, and when it is back until the others are. */
    let waiting: Timer | null = null;
    let away = false;
    let alone = false;
    let leg: RoomLeg | null = null;
    let over = false;
    /** Nothing of the guest stays in the room, whoever ended it. */
    const finish = async (): Promise<void> => {
      over = true;
      waiting?.cancel();
      await leg?.leave({ 'sip.callStatus': 'hangup' });
    };
    const left = (failed: boolean, reason: string): void => {
      if (over) return;
      void finish();
      events.left({ failed, reason, instead: { type: 'hang-up' } });
    };
    const { room, metadata } = guest;
    const keys = roomKeys(context);
    let muted = true;
    try {
      const joined = await rooms.join(
        {
          participant: {
            ...calleeAsParticipant(context, guest),
            room,
            dispatch: null,
            ...(metadata === '' ? {} : { metadata }),
          },
          ...{ sessionId: context.sessionId, leg: context.leg, hold: false, log: context.log },
        },
        {
          agentJoined: () => {
            alone = false;
            if (!away) waiting?.cancel();
          },
          agentLeft: (_identity, reason) => {
            // While the connection is interrupted everybody counts as gone; who is, shows when it is back.
            if (away) alone = true;
            else left(false, `nobody is left in the room (${reason})`);
          },
          reconnecting: () => {
            if (away) return;
            away = true;
            waiting = clock.after(patience, () => left(true, 'the connection to LiveKit was lost'));
          },
          reconnected: (anew) => {
            away = false;
            waiting?.cancel();
            // Whoever had them called into the room has done away with it: others may be in its successor by the same way.
            if (anew) left(false, 'the room was deleted while LiveKit could not be reached');
            else if (alone) waiting = clock.after(patience, () => left(false, 'nobody came back to the room'));
          },
          dtmf: (digit) => keys.press(digit),
          rpc: (method, payload) => answerRpc(context, method, payload),
          ended: (end, reason) => {
            if (end === 'room-deleted') left(false, 'the room was deleted');
            else if (end === 'removed') left(false, 'the participant was removed from the room');
            else left(true, `the connection to LiveKit was lost (${reason})`);
          },
        },
        context.signal,
      );
      leg = joined;
      // Its end may have come together with its beginning.
      if (over) void finish();
      // What the room says while it rings must not wait in front of whoever answers.
      joined.setMuted(true);
      void context.rang.then(() => {
        if (muted) joined.setAttributes({ 'sip.callStatus': 'ringing' });
      });
      void context.answered.then(() => {
        muted = false;
        joined.setMuted(false);
        joined.setAttributes({ 'sip.callStatus': 'active' });
      });
      tell(joined);
      return {
        dtmf: (digit) => joined.dtmf(digit),
        mute: () => joined.setMuted(true),
        unmute: () => joined.setMuted(muted),
        stop: finish,
      };
    } catch (error) {
      tell(null);
      left(true, error instanceof Error ? error.message : String(error));
      throw error;
    }
  };

  return {
    adapter: { type: 'livekit', answers: 'when-ready', start, validate: () => [] },
    joined,
  };
};
