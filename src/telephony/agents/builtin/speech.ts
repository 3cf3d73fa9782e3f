import type { PromptSource } from '../../../domain/calls/ports.js';
import type { ShippedPrompt } from './shipped-prompts.js';

/** Something to play, and what to do when it has been played. */
export type Spoken = {
  readonly source: PromptSource;
  /** Frees what belongs to this utterance alone; idempotent. */
  release(): void;
};

export type SayOptions = {
  readonly voice: string | null;
  /** What stands for the text when it cannot be spoken. */
  readonly question: 'none' | 'choice' | 'digits';
  /** True for a text that is the same in every call: it is kept. False for one with a caller's data in it. */
  readonly keep: boolean;
  readonly signal: AbortSignal;
};

/** Turns what a script says and plays into audio. None of these reject but for an abort: there is always something to play. */
export type Speech = {
  say(text: string, options: SayOptions): Promise<Spoken>;
  /** A WAV file of the prompt folders. */
  play(file: string): Promise<Spoken>;
  shipped(name: ShippedPrompt): Spoken;
  /** Speaks texts ahead of time, so that the first caller does not wait for them. */
  prepare(texts: readonly string[], voice: string | null): void;
};

/** What is said to the one who answers a transfer, where a prompt in place of the right words would only confuse. */
export type Announcer = {
  /** A text, or a WAV file of the prompt folders; null when it cannot be had. Rejects for an abort only. */
  announce(textOrFile: string, signal: AbortSignal): Promise<Spoken | null>;
};
