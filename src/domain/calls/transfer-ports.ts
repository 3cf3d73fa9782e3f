import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { Tracer } from '../../core/tracing.js';
import type { Directory, Route, TransferDestination } from '../directory/records.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { PhoneSession } from '../sessions/records.js';
import type { AttemptOutcome, AttemptRecord, ProfileView } from '../transfer/index.js';
import type { CallEvent, CallState } from './machine.js';
import type { Dialog, MediaLeg, MediaPlane, ProfileRules, PromptSource, Signalling, TransferResult } from './ports.js';
import type { MediaRelay } from './relay-ports.js';
import type { ConnectedCall } from './transfer-bridge.js';

/** A SIP profile as a transfer needs it: what to write into the INVITE, and what media and dialogs must know. */
export type TransferProfile = ProfileView & {
  readonly rules: ProfileRules;
  /** Whether the peer takes a REFER of ours. */
  readonly sendsRefer: boolean;
};

/**
 * What became of giving a call's media to a relay: `relayed` it has it, `refused` by a peer, `lost` with the relay,
 * `returned` to the gateway; or it stayed, because no relay was reachable, these two cannot be relayed, or it is recorded.
 */
export const relayResults = ['relayed', 'refused', 'lost', 'returned', 'unreachable', 'unfit', 'recorded'] as const;
export type RelayResult = (typeof relayResults)[number];

/** What transfers need of the gateway, the same for all calls. */
export type TransferDeps = {
  readonly directory: Pick<Directory, 'destination'>;
  readonly signalling: () => Signalling;
  readonly media: MediaPlane;
  /** A relay outside the gateway for connected calls; null where none is configured. */
  readonly relay: { readonly media: MediaRelay; readonly moved: (result: RelayResult) => void } | null;
  readonly profile: (name: string) => TransferProfile | null;
  /** Creates a ticket for a session that has none, where its organization wants so; 2 s at most, never rejects. */
  readonly ensureTicket: (session: PhoneSession) => Promise<unknown>;
  /** Opens the sealed password of a destination. Throws GatewayError credential_unreadable. */
  readonly digest: (
    destination: TransferDestination,
  ) => { readonly username: string; readonly password: string } | null;
  /** The file a destination plays while it rings or holds; null when there is none of that name. */
  readonly holdAudio: (file: string) => Promise<PromptSource | null>;
  /**
   * The audio of an announcement, which is a text or the name of a WAV file; null when this machine cannot have it.
   * Rejects for an abort only.
   */
  readonly announce: (
    textOrFile: string,
    signal: AbortSignal,
  ) => Promise<{ readonly source: PromptSource; release(): void } | null>;
  /** Host part of our From, and the address the world sees us at. */
  readonly host: () => string;
  readonly publicAddress: () => string;
  readonly bindLadder: (sipCallId: string, sessionId: string) => void;
  readonly clock: Clock;
  readonly metrics: {
    attempted(type: 'sip' | 'phone', outcome: AttemptOutcome): void;
    /** `delayMs`: from our INVITE to the first 18x or the 200. */
    rang(profile: string, delayMs: number): void;
  };
};

/** The call a transfer belongs to. */
export type TransferContext = {
  readonly session: OwnedSession;
  readonly route: Route;
  /** The caller's leg. */
  readonly leg: MediaLeg;
  readonly callerProfile: ProfileRules;
  readonly callerDialog: () => Dialog | null;
  /** Whether what the caller says and hears is being recorded. */
  readonly recorded: () => boolean;
  readonly dispatch: (event: CallEvent) => void;
  readonly state: () => CallState;
  readonly tracer: Tracer;
  readonly log: Logger;
};

export type TransferRequest = {
  /** Id or name of a destination, or one that nobody has saved. */
  readonly destination: string | TransferDestination;
  /** What the agent tells the human. */
  readonly summary: string | null;
  /** The caller hears ringing from the INVITE on, also where no hold audio is set. */
  readonly dialtone?: boolean;
};

/** A transfer under way. None of its promises rejects. */
export type StartedTransfer = {
  readonly started: true;
  /** The first attempt as it was planned. */
  readonly first: AttemptRecord;
  /**
   * The last attempt once it is certain what became of it: all have failed, or a line has answered and, where
   * `returnWithin` is set, stayed that long; one that hangs up sooner counts as not answered.
   */
  readonly decided: Promise<AttemptRecord>;
  /** The same as an agent is told it, once everything of the transfer is tidied up. */
  readonly settled: Promise<TransferResult>;
};

/** There is one already; `current` is its state. */
export type RefusedTransfer = { readonly started: false; readonly current: AttemptRecord };

/** Transfers of one call: one at a time. */
export type CallTransfers = {
  /** Throws GatewayError not_found (no such destination), session_ended or conflict (the call is not in progress). */
  start(request: TransferRequest): Promise<StartedTransfer | RefusedTransfer>;
  /** The last attempt, as it is now. */
  current(): AttemptRecord | null;
  /** Resolves when the transfer under way is decided; at once when there is none. */
  decided(): Promise<AttemptRecord | null>;
  /** Gives the ringing destination up; false when none rings. */
  cancel(by: 'cancelled' | 'caller-hung-up'): boolean;
  /** The machine's `ring-back`: the caller hears that it rings, whatever the line says yet. */
  ringBack(): void;
  /** The machine's `join`: caller and destination hear each other. */
  join(): void;
  /** The caller holds, or has stopped to. */
  callerHeld(held: boolean): void;
  /** Media that are at a relay come back to stay; resolves when they have. */
  gather(): Promise<void>;
  /** The connected call, while a destination is there. */
  connected(): ConnectedCall | null;
  /** Waits until what rings has been given up and sends BYE to a standing destination. */
  hangUp(): Promise<void>;
  /** The destination's media leg, if there was one. */
  media(): MediaLeg | null;
};
