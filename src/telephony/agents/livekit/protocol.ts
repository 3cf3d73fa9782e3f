/**
 * What the gateway and a LiveKit child say to each other besides audio, which has a channel of its own
 * (audio-frames.ts). Every leg has a number that the gateway gives and never gives again.
 */

/** What a child needs to join a room; everything else stands in the token. */
export type JoinOrder = { readonly url: string; readonly token: string };

/** RPC errors as LiveKit's participants get them. Codes below 1000 are ours and read like HTTP's. */
export type RpcReply =
  | { readonly ok: true; readonly payload: string }
  | { readonly ok: false; readonly code: number; readonly message: string; readonly data: string | null };

/** Why the leg is not in its room any more. */
export type RoomEnd =
  /** We left. */
  | 'left'
  | 'room-deleted'
  | 'removed'
  /** LiveKit went away, or let us go for a reason that is not the agent's. */
  | 'lost';

export type ToChild =
  | { readonly type: 'join'; readonly leg: number; readonly order: JoinOrder }
  /** Leaves the room and joins this one; answered with `joined` or `join-failed`. */
  | { readonly type: 'move'; readonly leg: number; readonly order: JoinOrder }
  /** Joins its room anew and then leaves behind what is there of it; answered like `move`. */
  | { readonly type: 'rejoin'; readonly leg: number; readonly order: JoinOrder }
  | { readonly type: 'attributes'; readonly leg: number; readonly attributes: Readonly<Record<string, string>> }
  | { readonly type: 'dtmf'; readonly leg: number; readonly digit: string }
  | { readonly type: 'rpc-reply'; readonly leg: number; readonly id: number; readonly reply: RpcReply }
  | { readonly type: 'leave'; readonly leg: number; readonly attributes: Readonly<Record<string, string>> }
  /** Answered with `report`. */
  | { readonly type: 'ask' }
  | { readonly type: 'end' };

/** What happened in a leg's room. */
export type LegNews =
  /** `sid`: LiveKit's id of the participant; `anew`: a room that was joined again is another one of the same name. */
  | { readonly type: 'joined'; readonly sid: string; readonly anew: boolean }
  | { readonly type: 'join-failed'; readonly reason: string }
  /** Somebody's audio can be heard for the first time since joining. */
  | { readonly type: 'audible'; readonly identity: string }
  /** Somebody the caller can talk with: an agent or another telephone. */
  | { readonly type: 'agent-joined'; readonly identity: string }
  /** The last one the caller could talk with, an agent or another telephone, has left; `reason` is LiveKit's word for it. */
  | {
      readonly type: 'agent-left';
      readonly identity: string;
      readonly reason: string;
      /** It was a telephone, as after a warm transfer. */
      readonly phone: boolean;
    }
  | { readonly type: 'dtmf'; readonly digit: string; readonly identity: string }
  | {
      readonly type: 'rpc';
      readonly id: number;
      readonly method: string;
      readonly payload: string;
      readonly identity: string;
    }
  | { readonly type: 'reconnecting' }
  /** The same connection goes on. */
  | { readonly type: 'reconnected' }
  /** The library has made a new connection, which is not to be relied on: the room is to be joined anew. */
  | { readonly type: 'restarted' }
  | { readonly type: 'trouble'; readonly message: string }
  /** Nothing of the leg is left in the child. */
  | { readonly type: 'ended'; readonly end: RoomEnd; readonly reason: string };

export type ToGateway =
  | { readonly type: 'ready' }
  | { readonly type: 'news'; readonly leg: number; readonly news: LegNews }
  | {
      readonly type: 'report';
      /** Bytes. */
      readonly memory: number;
      readonly handles: number;
    };

/** The methods that agents may call on the caller's participant. */
export const rpcMethods = [
  'transfer_call',
  'end_call',
  'send_dtmf',
  'execute_action',
  'list_tools',
  'lk.sip.GetRemoteHeaders',
  'lk.sip.EndCall',
] as const;

/** Longest payload of an RPC that is read, octets. LiveKit's own limit was 15 KiB until it began to send payloads in pieces. */
export const longestPayload = 65_536;

/** Audio is 8 kHz in frames of 20 ms everywhere between the gateway and its children. */
export const frameSamples = 160;
