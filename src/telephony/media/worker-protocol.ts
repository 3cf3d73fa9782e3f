/**
 * What the signalling thread and a media worker say to each other. Every request of a leg has a number and gets exactly
 * one reply; events and played-out prompts come by themselves. Nothing here is sent per packet: audio of an AI's leg
 * goes through shared memory (audio-ring.ts).
 */
import type { ErrorCode, Fault } from '../../core/errors.js';
import type { LegQuality, MediaLegOptions, PromptSource } from '../../domain/calls/ports.js';

/** Periods and limits of the media plane; all milliseconds. The defaults suit production, tests shorten them. */
export type MediaTuning = {
  /** Silence of the known source after which another allowed one may take over. */
  readonly latchLossMs: number;
  /** Time from the first packet in which a source that fits the SDP better takes over. */
  readonly latchLearnMs: number;
  /** Mean interval of RTCP reports; each is drawn from half to one and a half of it (RFC 3550 section 6.2). */
  readonly rtcpIntervalMs: number;
  /** A bridged leg that gets nothing to forward for so long is sent silence. */
  readonly bridgeGapMs: number;
};

export const defaultTuning: MediaTuning = {
  latchLossMs: 1_000,
  latchLearnMs: 1_000,
  rtcpIntervalMs: 5_000,
  bridgeGapMs: 120,
};

/** What a worker is started with. */
export type MediaWorkerData = {
  readonly rtpAddress: string;
  /** The address written into SDP. */
  readonly publicAddress: string;
  readonly tuning: MediaTuning;
  /** Two 32-bit counters: see `beat` and `audioPending`. */
  readonly shared: SharedArrayBuffer;
};

/** Index in the shared counters: goes up while the worker's loop turns. */
export const beat = 0;
/** Index in the shared counters: 1 while an `audio` message is under way, so that one at a time is. */
export const audioPending = 1;

/** Operations of a leg: the arguments and what the reply carries. */
export type LegOperations = {
  /** `notices` came while the first offer was answered, before anybody could listen. */
  open: {
    args: { readonly port: number; readonly options: MediaLegOptions };
    result: 'port-in-use' | { readonly answer: string | null; readonly notices: readonly LegNotice[] };
  };
  answer: { args: { readonly offer: string }; result: string };
  offer: { args: { readonly hold: boolean | null }; result: string };
  accept: { args: { readonly answer: string; readonly source: string | null }; result: null };
  expect: { args: Record<string, never>; result: null };
  play: { args: { readonly play: number; readonly source: PromptSource; readonly loop: boolean }; result: null };
  stop: { args: { readonly play: number }; result: null };
  sendDtmf: {
    args: { readonly digits: string; readonly durationMs: number; readonly gapMs: number };
    result: null;
  };
  startRecording: { args: { readonly path: string }; result: null };
  stopRecording: { args: Record<string, never>; result: null };
  pauseRecording: { args: { readonly paused: boolean }; result: null };
  bridge: { args: { readonly other: number }; result: null };
  unbridge: { args: Record<string, never>; result: null };
  /** `toAgent` is written by the worker, `toPeer` is read by it; null detaches. */
  attach: {
    args: { readonly rings: { readonly toAgent: SharedArrayBuffer; readonly toPeer: SharedArrayBuffer } | null };
    result: null;
  };
  /** While somebody else has the peer: what comes is passed on, nothing of the leg's own is sent. */
  rest: { args: { readonly resting: boolean }; result: null };
  quality: { args: Record<string, never>; result: LegQuality };
  close: { args: Record<string, never>; result: LegQuality };
};

export type LegOperationName = keyof LegOperations;

/** One request; distributes over the operations, so that `name` tells the type of `args`. */
export type WorkerRequest = {
  [Name in LegOperationName]: {
    readonly id: number;
    readonly leg: number;
    readonly name: Name;
    readonly args: LegOperations[Name]['args'];
  };
}[LegOperationName];

export type LegNotice =
  | { readonly type: 'dtmf'; readonly digit: string; readonly durationMs: number }
  | { readonly type: 'first-packet' }
  | { readonly type: 'lost'; readonly kind: 'first-packet' | 'idle' }
  | { readonly type: 'hold'; readonly held: boolean };

/** An error on its way between threads: classes do not survive that, codes do. */
export type WireError = { readonly code: ErrorCode; readonly message: string; readonly details: readonly Fault[] };

export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly id: number; readonly result: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly error: WireError }
  | { readonly type: 'notice'; readonly leg: number; readonly notice: LegNotice }
  | {
      readonly type: 'played';
      readonly leg: number;
      readonly play: number;
      readonly outcome: 'finished' | 'stopped' | WireError;
    }
  /** A leg went on working but something in it failed; for the log. */
  | { readonly type: 'trouble'; readonly leg: number | null; readonly message: string }
  /** There is audio in the rings of attached legs. */
  | { readonly type: 'audio' };
