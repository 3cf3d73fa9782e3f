/** What a call needs of a relay outside the gateway; beside ports.ts, and like it implemented by `telephony`. */
import type { CodecName, LegQuality } from './ports.js';

/** The last descriptions in force: what we told the peer, and what it told us. */
export type AgreedMedia = { readonly ours: string; readonly theirs: string };

/** What a relay outside the gateway does in the place of a leg: the same offers and answers, in our name. */
export type RelaySide = {
  offer(): Promise<string>;
  accept(answer: string): Promise<void>;
  /** Null: the peer wants what only the gateway can do (a hold, another codec), and the leg is to answer itself. */
  answer(offer: string): Promise<string | null>;
  /** As far as they are known. */
  figures(): Pick<LegQuality, 'packetsSent' | 'packetsReceived'>;
};

/** What a media leg has for a relay. */
export type LendableLeg = {
  /** Null before both have described themselves. */
  agreed(): AgreedMedia | null;
  /**
   * Gives the peer to a relay: from now on `offer`, `answer` and `accept` are the relay's. The leg keeps its port and
   * passes on what still arrives there, but says nothing of its own and misses nobody. Null takes the peer back, which
   * the peer learns by the next offer.
   */
  lend(relay: RelaySide | null): Promise<void>;
};

export type RelayRequest = {
  readonly sessionId: string;
  /** How long the call has lasted, ms. */
  readonly age: number;
  readonly caller: RelayedSide;
  readonly destination: RelayedSide;
};
export type RelayedSide = AgreedMedia & {
  /** What the gateway would speak with it. */
  readonly codecs: readonly CodecName[];
  /** ms, 0 = never. */
  readonly idleTimeout: number;
};

export type RelayEvents = {
  /** The relay or its knowledge of the call is gone; nothing more is told. */
  lost(reason: 'unreachable' | 'forgotten'): void;
  /** A side sends nothing any more. */
  silent(side: 'caller' | 'destination'): void;
};

/** A call that a relay stands ready for. The destination is moved first: its answer decides what the caller is offered. */
export type RelayedPair = {
  /** Which relay, for the timeline. */
  readonly relay: string;
  readonly caller: RelaySide;
  readonly destination: RelaySide;
  /** Frees the relay; never rejects. Idempotent. */
  close(): Promise<void>;
};

/** `unfit`: these two cannot be relayed without the gateway. */
export type RelayRefusal = { readonly refused: 'unreachable' | 'unfit'; readonly reason: string };

/** A relay outside the gateway, for calls in which two SIP peers talk and nothing else is to be done. Never rejects. */
export type MediaRelay = {
  open(request: RelayRequest, events: RelayEvents): Promise<RelayedPair | RelayRefusal>;
};
