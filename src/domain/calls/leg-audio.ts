/** What a SIP profile asks of the audio of its legs; left out, it is not asked. */
export type AudioOptions = {
  /** Comfort noise (RFC 3389) is offered and accepted. Whoever sends it all the same is understood. */
  readonly comfortNoise: boolean;
  /** Keys are heard in the audio of a peer with which no telephone events were agreed on. */
  readonly inbandDtmf: boolean;
};

/** The recording of a leg. */
export type LegRecorder = {
  /** Dual-channel WAV (left: from the peer, right: to the peer), 8 kHz, in step with the clock. */
  startRecording(path: string): Promise<void>;
  /** While paused, silence is recorded on both channels. */
  pauseRecording(paused: boolean): Promise<void>;
  stopRecording(): Promise<void>;
};

/** What the sound of a leg was like. */
export type LegQuality = {
  readonly codec: string | null;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly packetsLost: number;
  /** Came after a newer one. */
  readonly packetsLate: number;
  /** Came too late to be heard, where somebody here listens: lost to whoever does. */
  readonly packetsDiscarded: number;
  /** Audio that was made up here because it was not there in time, ms. */
  readonly concealedMs: number;
  /** Packets of ours that the peer has missed so far, and the part of the latest, 0 to 1; null: it has not said. */
  readonly remotePacketsLost: number | null;
  readonly remoteLoss: number | null;
  /** Interarrival jitter, ms (RFC 3550 6.4.1). */
  readonly jitterMs: number;
  readonly roundTripMs: number | null;
  /** 1.0-4.5, by the E-model (ITU-T G.107) from loss, also of what came too late, and jitter. */
  readonly mos: number | null;
};

export type ToneName = 'ringback' | 'busy' | 'congestion' | 'silence';

export type PromptSource =
  | { readonly type: 'wav'; readonly path: string }
  | { readonly type: 'tone'; readonly tone: ToneName }
  | { readonly type: 'frequency'; readonly hz: number; readonly durationMs: number }
  | { readonly type: 'pcm'; readonly samples: Int16Array; readonly sampleRate: 8000 };

/** A prompt being played. `done` resolves `finished` at its end or `stopped`; it never rejects but for a bad file. */
export type Playback = { readonly done: Promise<'finished' | 'stopped'>; stop(): void };
