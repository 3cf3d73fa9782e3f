import type { LegQuality, MediaLegOptions, PromptSource } from '../../domain/calls/ports.js';
import type { AudioRing } from './audio-ring.js';
import type { NoiseShape } from './codecs/comfort-noise.js';
import type { LegSender } from './leg-sender.js';
import type { Paced } from './pacer.js';
import type { PacketSlots } from './packet-slots.js';
import type { LegNotice, MediaTuning } from './worker-protocol.js';

/** A leg in its worker: two sockets, what its peer agreed on, what it hears and what it says. */
export type Leg = Paced & {
  /** Tells the leg how to ask for every frame again after it has let some pass. */
  seated(wakeUp: () => void): void;
  answer(offer: string): string;
  offer(hold: boolean | null): string;
  /** `source`: address the answer's message came from, as long as it is known; media may come from there too. */
  accept(answer: string, source: string | null): void;
  /** The peer is in the call: from now on its silence is told. */
  expectMedia(): void;
  /** Resolves when the prompt plays; its end is told by `onPlayed`. Throws when it cannot be read. */
  play(play: number, source: PromptSource, loop: boolean): Promise<void>;
  stop(play: number): void;
  /** Resolves when the last digit has been sent. */
  sendDtmf(digits: string, durationMs: number, gapMs: number): Promise<void>;
  startRecording(path: string): Promise<void>;
  stopRecording(): Promise<void>;
  pauseRecording(paused: boolean): void;
  bridge(other: Leg): void;
  unbridge(): void;
  attach(rings: { readonly toAgent: AudioRing; readonly toPeer: AudioRing } | null): void;
  /** Somebody else has the peer: the leg forwards what comes, says nothing of its own and misses nobody. */
  rest(resting: boolean): void;
  quality(): LegQuality;
  /** Ends everything and frees the ports; idempotent. */
  close(): Promise<LegQuality>;
  /** What only the leg on the other side of a bridge may touch. */
  readonly inner: {
    readonly sender: LegSender;
    forwards(): boolean;
    /** The background of a peer that is silent. */
    silence(): NoiseShape | null;
    /** The other side's peer is silent with this background; null: it speaks again. */
    bridgeNoise(shape: NoiseShape | null): void;
    join(other: Leg | null): void;
    /** Audio of the bridged leg, decoded, when this leg's recording wants it. */
    recordsBridge(): boolean;
    recordBridge(samples: Int16Array, now: number): void;
    recording(): boolean;
    /** Something has begun that needs every frame. */
    wake(): void;
  };
};

export type LegContext = {
  readonly rtpAddress: string;
  readonly publicAddress: string;
  readonly port: number;
  readonly options: MediaLegOptions;
  readonly tuning: MediaTuning;
  readonly slots: PacketSlots;
  readonly notify: (notice: LegNotice) => void;
  readonly onPlayed: (play: number, outcome: 'finished' | 'stopped') => void;
  /** Audio for the agent lies in its ring. */
  readonly onAgentAudio: () => void;
  readonly onTrouble: (message: string) => void;
};
