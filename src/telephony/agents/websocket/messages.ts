import type { AgentCredential, ToolAnswer, ToolDescription } from '../../../domain/calls/ports.js';

/** Everything a bot is told at the beginning, whatever its dialect makes of it. */
export type StartFacts = {
  readonly sessionId: string;
  readonly orgId: string;
  readonly agent: { readonly id: string; readonly name: string };
  readonly caller: { readonly number: string | null; readonly display: string | null; readonly withheld: boolean };
  readonly called: string;
  readonly direction: 'inbound' | 'outbound';
  readonly sipCallId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly audio: { readonly encoding: string; readonly sampleRate: number };
  readonly tools: readonly ToolDescription[];
  readonly credential: AgentCredential | null;
  readonly muted: boolean;
  /** Set when an earlier connection of this call was lost: how long ago, ms. */
  readonly resumed: { readonly gapMs: number } | null;
};

/** What a bot says, whatever its dialect. */
export type BotMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'audio'; readonly bytes: Buffer }
  | { readonly type: 'clear' }
  | { readonly type: 'mark'; readonly name: string }
  | { readonly type: 'dtmf'; readonly digits: string }
  | { readonly type: 'tool'; readonly id: string; readonly name: string; readonly arguments: unknown }
  | { readonly type: 'ping'; readonly id: string | null }
  | { readonly type: 'fault'; readonly code: BotFaultCode; readonly message: string };

/** Why something a bot sent was not taken. */
export const botFaultCodes = [
  'bad_message',
  'too_many',
  'bad_audio',
  'audio_overflow',
  'audio_rate',
  'dtmf_refused',
] as const;
export type BotFaultCode = (typeof botFaultCodes)[number];

/** What a bot is told in the course of a call. */
export type BotNotice =
  | { readonly type: 'dtmf'; readonly digit: string }
  /** `cleared`: the audio before it was thrown away. `playedMs`: audio of the bot the caller has been sent so far. */
  | { readonly type: 'marked'; readonly name: string; readonly playedMs: number; readonly cleared: boolean }
  | { readonly type: 'cleared'; readonly playedMs: number; readonly droppedMs: number }
  | { readonly type: 'tool_result'; readonly id: string; readonly answer: ToolAnswer }
  | { readonly type: 'muted' }
  | { readonly type: 'unmuted' }
  | { readonly type: 'pong'; readonly id: string | null }
  | { readonly type: 'error'; readonly code: BotFaultCode; readonly message: string }
  | { readonly type: 'stop'; readonly reason: 'call-ended' | 'transferred' };

/** One language a bot may speak. Made anew for each connection, since a dialect may count its messages. */
export type Dialect = {
  /** The WebSocket subprotocol that is asked for, null for none. */
  readonly subprotocol: string | null;
  /** True: the bot counts as ready once it has been told the start. */
  readonly readyAtOnce: boolean;
  start(facts: StartFacts): readonly string[];
  /** The caller's audio as one message. */
  audio(bytes: Buffer): Buffer | string;
  /** Null: this dialect has no word for it. */
  notice(notice: BotNotice): string | null;
  read(data: Buffer, binary: boolean): BotMessage;
};
