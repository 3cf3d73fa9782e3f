/**
 * What a call needs from the outside. `telephony` implements these types and imports nothing else of the domain;
 * SDP passes through as text, so that media does not know of signalling nor signalling of media.
 */
import type { Logger } from '../../core/logger.js';
import type { CallerIdentity, SessionDirection } from '../sessions/records.js';
import type { AttributeDoors } from './attribute-doors.js';
import type { AudioOptions, LegQuality, LegRecorder, Playback, PromptSource } from './leg-audio.js';
import type { LendableLeg } from './relay-ports.js';

export type { LegQuality, Playback, PromptSource, ToneName } from './leg-audio.js';

// --- Signalling ---------------------------------------------------------------------------------------------------

export type TransportAddress = { readonly transport: string; readonly address: string; readonly port: number };

/** The part of a SIP profile that media and calls must know. Times in milliseconds, 0 = off. */
export type ProfileRules = {
  readonly name: string;
  readonly country: string;
  /** In order of preference. */
  readonly codecs: readonly CodecName[];
  readonly mediaSecurity: 'none' | 'optional' | 'required';
  /** Besides the SDP's and the signalling source: ranges media may come from (CIDR). */
  readonly mediaRanges: readonly string[];
  readonly firstPacketTimeout: number;
  readonly idleTimeout: number;
  readonly forwardHold: boolean;
  readonly dtmf: 'rfc4733' | 'info' | 'both';
} & AudioOptions;

export type CodecName = 'PCMU' | 'PCMA' | 'G722' | 'opus';

export type RemoteParty = { readonly host: string; readonly tag: string | null };

/** An INVITE that a profile has let in. Exactly one of answer and reject settles it, unless it was cancelled. */
export type IncomingCall = {
  readonly sipCallId: string;
  readonly profile: ProfileRules;
  readonly source: TransportAddress;
  readonly caller: CallerIdentity;
  /** E.164 when the called party was readable as a number under the profile's rules, else null. */
  readonly called: string | null;
  /** The called party as received, for messages and the log. */
  readonly calledRaw: string;
  /** Null when the INVITE carries no SDP: our answer is then an offer and the ACK brings theirs (RFC 3264, RFC 3261 13.2.1). */
  readonly offer: string | null;
  /** Headers of the INVITE that start with X- or are User-to-User, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** The caller's side of the dialog: host of its From, and its tag. */
  readonly remote?: RemoteParty;
  readonly receivedAt: number;
  readonly log: Logger;
  /** Aborted when the caller cancels (487 has been sent by then) or the INVITE's transaction is gone. */
  readonly cancelled: AbortSignal;
  ring(): void;
  /** 183 with SDP, for early media. */
  progress(sdp: string): void;
  /**
   * 200 with this SDP; resolves at the ACK, whose SDP is `ackSdp` when we offered. Rejects when the caller cancelled
   * first; also when no ACK came (then BYE has been sent) or a BYE instead, which `ended` tells first.
   */
  answer(sdp: string, events: DialogEvents): Promise<{ readonly dialog: Dialog; readonly ackSdp: string | null }>;
  /** A final failure. `rule` is the sentence for the log and the counter's reason. */
  reject(status: number, reason: string, headers?: Readonly<Record<string, string>>): void;
};

export type DialogEnd = {
  /** `remote`: the peer sent BYE; `timer`: no ACK or no session refresh; `lost`: the SIP server forgot the dialog. */
  readonly by: 'remote' | 'timer' | 'lost';
  /** Text of the Reason header or what happened. */
  readonly reason: string | null;
};

/** What a dialog tells the one who owns the leg. Handlers are called one at a time, in order of arrival. */
export type DialogEvents = {
  /** Called once, when the dialog is over and we did not end it. */
  ended(end: DialogEnd): void;
  /**
   * re-INVITE or UPDATE. `offer` null: no SDP in the re-INVITE, return an offer. Resolve with the SDP of the 200;
   * reject with GatewayError of status 488 to refuse it. UPDATE without SDP (a session refresh) never comes here.
   */
  offered(offer: string | null): Promise<string>;
  /** The answer the peer sent in the ACK after `offered(null)`. */
  answered?(sdp: string): void;
  info?(contentType: string, body: string): void;
  /** In-dialog REFER: resolve true to accept (202). */
  referred?(referTo: string): Promise<boolean>;
};

export type Dialog = {
  readonly sipCallId: string;
  readonly remote: TransportAddress;
  /**
   * Sends a re-INVITE with this offer and resolves with the SDP of the 200. Glare is retried (RFC 3261 14.1); a function is
   * asked for the offer each time one goes out, since what meets ours may have changed what we have to say.
   */
  modify(offer: string | (() => Promise<string>)): Promise<string>;
  info(contentType: string, body: string): Promise<void>;
  /** In-dialog REFER; resolves with the final status the NOTIFYs report. */
  refer(referTo: string, headers: Readonly<Record<string, string>>, options: ReferOptions): Promise<ReferResult>;
  /** BYE, once; idempotent. Resolves when the peer answered or the transaction timed out. */
  bye(headers?: Readonly<Record<string, string>>): Promise<void>;
};

export type ReferOptions = {
  readonly timeout: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (status: number) => void;
};
export type ReferResult = { readonly accepted: number; readonly final: number | null; readonly reason: string | null };

export type { OutgoingCallRequest, OutgoingCallResult, SentInvite, Signalling } from './outgoing-ports.js';

// --- Media --------------------------------------------------------------------------------------------------------

export type MediaLegOptions = {
  readonly sessionId: string;
  /** Names the leg in statistics and recordings: `caller`, `destination`, `agent`. */
  readonly role: string;
  readonly codecs: readonly CodecName[];
  readonly security: ProfileRules['mediaSecurity'];
  /** Address the signalling came from: media may come from there too (symmetric RTP behind NAT). */
  readonly signallingAddress: string | null;
  readonly mediaRanges: readonly string[];
  readonly firstPacketTimeout: number;
  readonly idleTimeout: number;
  readonly country: string;
  /**
   * The offer that `answer` will be asked for next: both are then done in one step, and `open` rejects as `answer` would
   * when it cannot be met.
   */
  readonly firstOffer?: string;
} & Partial<AudioOptions>;

export type MediaLegEvents = {
  dtmf(event: { readonly digit: string; readonly durationMs: number }): void;
  firstPacket(): void;
  /** No media for the configured time; never before `expectMedia`, and never while the peer holds. */
  lost(kind: 'first-packet' | 'idle'): void;
  /** The peer's direction changed: `held` when it does not want our audio any more. */
  hold(held: boolean): void;
  /** The media worker died: the leg is gone. */
  failed(reason: string): void;
};

export type MediaLeg = LendableLeg & {
  readonly id: string;
  /** Answers the peer's offer, also a later one (hold, codec change). Throws GatewayError sdp_invalid, no_common_codec, media_security_mismatch. */
  answer(offer: string): Promise<string>;
  /** Makes an offer: the first one, or a new one in a re-INVITE. */
  offer(options?: { readonly hold?: boolean }): Promise<string>;
  /**
   * Takes the peer's answer to our offer; once more when an early answer (183) turns out to be another branch's than the
   * final one (RFC 3261 13.2.2.4). `source`: the address the answer's message came from, where it was not known when the
   * leg was opened; media may come from there too.
   */
  accept(answer: string, source?: string): Promise<void>;
  /** The peer is in the call from now on: its silence counts, and `lost` may come. */
  expectMedia(): void;
  play(source: PromptSource, options?: { readonly loop?: boolean }): Playback;
  /** Whether keys go to the peer as telephone events (RFC 4733); false before media is agreed on. */
  takesEvents(): boolean;
  /**
   * Keys in the media: telephone events, or tones for a peer that takes none. Resolves when they have been sent. Rejects
   * with GatewayError conflict while nothing can be sent: the peer holds, or a relay has it.
   */
  sendDtmf(digits: string, options?: { readonly durationMs?: number; readonly gapMs?: number }): Promise<void>;
  /** Joins two legs: same codec on both sides is forwarded undecoded. Replaces what the legs played before. */
  bridge(other: MediaLeg): Promise<void>;
  unbridge(): Promise<void>;
  /** Decoded audio of the peer in 20 ms frames of 8 kHz samples, and audio to it; for an AI's leg. Null detaches. */
  attach(port: AudioPort | null): void;
  quality(): Promise<LegQuality>;
  /** Frees the port (after a drain) and resolves with the final quality; idempotent. */
  close(): Promise<LegQuality>;
} & LegRecorder;

export type AudioPort = {
  /** From the peer. */
  onAudio(samples: Int16Array): void;
  /** Set by the leg: audio to the peer, any multiple of 10 ms at 8 kHz; queued up to `maxQueueMs`, older audio is dropped first. */
  send?: (samples: Int16Array) => void;
  /** Set by the leg: forget what is queued (the AI was interrupted). */
  clear?: () => void;
  /** Set by the leg: audio given to `send` that the peer has not been sent yet, ms. */
  queued?: () => number;
};

export type MediaPlane = {
  /** Throws GatewayError ports_exhausted. */
  open(options: MediaLegOptions, events: MediaLegEvents): Promise<MediaLeg>;
  readonly stats: () => { legs: number; workers: number; portsFree: number };
  close(): Promise<void>;
};

// --- The AI's leg ---------------------------------------------------------------------------------------------------

export type TransferOutcomeName =
  | 'connected'
  | 'busy'
  | 'no-answer'
  | 'declined'
  | 'unreachable'
  | 'rejected'
  | 'caller-hung-up'
  | 'cancelled'
  | 'failed'
  | 'not-available';

export type TransferResult = {
  readonly outcome: TransferOutcomeName;
  readonly sipStatus: number | null;
  readonly reason: string;
  readonly hint: string | null;
};

export type ActionRunResult = {
  readonly success: boolean;
  readonly statusCode: number | null;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly message: string };
  /** What came back, cut to what a model can take, when the action maps nothing of it. */
  readonly text?: string;
  readonly durationMs: number;
};

export type ToolDescription = {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** How long it usually takes, ms: an agent may speak meanwhile. */
  readonly expectedLatencyMs?: number;
};

/** What any agent, whatever its leg, may ask of the call. One implementation stands behind all doors. */
export type CallDoors = AttributeDoors & {
  transfer(request: { readonly destination: string; readonly summary?: string }): Promise<TransferResult>;
  executeAction(name: string, attributes: Readonly<Record<string, unknown>>): Promise<ActionRunResult>;
  sendDtmf(digits: string): Promise<void>;
  endCall(reason: string | null): Promise<void>;
  listTools(): Promise<readonly ToolDescription[]>;
  note(
    type: 'agent.said' | 'agent.asked' | 'agent.failed' | 'agent.lost' | 'agent.resumed',
    data: Readonly<Record<string, unknown>>,
  ): void;
};

/** Why a tool was not used at all. What came of one that was used stands in its value. */
export type ToolFault = {
  readonly code: 'unknown_tool' | 'bad_arguments' | 'too_many' | 'not_available' | 'session_ended' | 'failed';
  readonly message: string;
};
export type ToolAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: ToolFault };

/**
 * The doors of one call by the names that agents know: `transfer_call`, `end_call`, `send_dtmf`, `execute_action`,
 * `list_tools` and every action of the agent. Names and arguments come from an AI and are judged here; the rate is
 * limited over all ways in together.
 */
export type AgentTools = {
  /** Never rejects. */
  call(name: string, args: unknown): Promise<ToolAnswer>;
  list(): Promise<readonly ToolDescription[]>;
};

/** With this an agent may ask the API for its own session's tools; it dies with the session. */
export type AgentCredential = {
  readonly token: string;
  /** Base of the API, without a slash at the end. */
  readonly apiUrl: string;
};

export type AgentContext = {
  readonly sessionId: string;
  readonly orgId: string;
  readonly agentId: string;
  readonly agentName: string;
  readonly config: unknown;
  readonly caller: CallerIdentity;
  readonly called: string;
  readonly sipCallId: string;
  /** `outbound`: we called the person, who is `caller` all the same; `called` is our number. */
  readonly direction: SessionDirection;
  readonly headers: ReadonlyMap<string, string>;
  readonly remote?: RemoteParty;
  readonly leg: MediaLeg;
  readonly doors: CallDoors;
  readonly tools: AgentTools;
  /** Resolves when the caller is there to hear (the ACK of our 200); stays open when that never comes. Never rejects. */
  readonly answered: Promise<void>;
  /** Resolves when the telephone of a person we call rings; stays open when that never comes. Never rejects. */
  readonly rang: Promise<void>;
  /** Mints it at the first call. Rejects with GatewayError store_unavailable. */
  readonly credential: () => Promise<AgentCredential>;
  readonly log: Logger;
  /** Aborted when the call ends. */
  readonly signal: AbortSignal;
};

export type AgentLeg = {
  /** Digits the caller pressed. */
  dtmf(digit: string): void;
  /** While a transfer rings the agent stays but neither hears nor is heard; unmute gives it the caller back. */
  mute(): void;
  unmute(): void;
  /** Ends the leg; idempotent. `why` is what the agent may know. */
  stop(why: 'call-ended' | 'transferred'): Promise<void>;
};

/**
 * What the caller gets instead of an agent that failed: the agent's fall-back destination and behind it the message, the
 * message alone (null: the gateway's own), or nothing more.
 */
export type InsteadOfAgent =
  | { readonly type: 'destination' | 'message'; readonly message: string | null }
  | { readonly type: 'hang-up' };

export type AgentEvents = {
  /** The agent's leg is over by its own doing: fall-back applies when `failed`, as the leg's configuration chooses. */
  left(cause: { readonly failed: boolean; readonly reason: string; readonly instead?: InsteadOfAgent }): void;
};

/** `at-once`: the call is answered, then the leg starts. `when-ready`: it rings until the agent can be heard. */
export type AgentAnswers = 'at-once' | 'when-ready';

export type AgentAdapter = {
  readonly type: 'builtin' | 'livekit' | 'websocket';
  /** A function where the leg's configuration says it. */
  readonly answers: AgentAnswers | ((config: unknown) => AgentAnswers);
  /** Resolves when the agent is ready to be heard. Rejects when it cannot be had, unless `left` has said so already. */
  start(context: AgentContext, events: AgentEvents): Promise<AgentLeg>;
  /** Checks a leg's configuration when it is saved; faults name their path. */
  validate(config: unknown): readonly { readonly path: string; readonly message: string }[];
};
