import type { Clock } from '../../../core/clock.js';
import type { AudioPort, MediaLeg } from '../../../domain/calls/ports.js';
import type { AudioFormat } from './audio-format.js';
import { createCadence } from './cadence.js';
import { createMarks } from './marks.js';
import type { BotFaultCode } from './messages.js';

/** A bot may send its audio faster than it is played; this is how far ahead it may be, ms. */
export const furthestAhead = 60_000;

/** The audio between a bot and the leg, both ways. */
export type BotVoice = {
  /** Listens to the caller. What the bot says waits until `open`. */
  listen(): void;
  /** The caller is there to hear: what the bot has said goes out. */
  open(): void;
  /** Audio of the bot. */
  take(bytes: Buffer): void;
  mark(name: string): void;
  /** Audio of the bot that has not been played yet, ms. */
  queued(): number;
  /** The bot was interrupted. Returns what was played and what was thrown away, ms. */
  clear(): { readonly playedMs: number; readonly droppedMs: number };
  /** Neither hears the other; what the bot has said and not yet played is forgotten. */
  mute(): void;
  unmute(): void;
  close(): void;
};

export type VoiceOptions = {
  readonly leg: Pick<MediaLeg, 'attach'>;
  readonly format: AudioFormat;
  readonly clock: Clock;
  /** The caller's audio: 20 ms, encoded. */
  readonly heard: (bytes: Buffer) => void;
  readonly marked: (name: string, playedMs: number, cleared: boolean) => void;
  readonly fault: (code: BotFaultCode, message: string) => void;
  /** So much of the bot's audio was not taken, ms. */
  readonly dropped: (ms: number) => void;
};

export const createVoice = (options: VoiceOptions): BotVoice => {
  const { leg, format, clock } = options;
  const port: AudioPort = { onAudio: (samples) => options.heard(format.encode(samples)) };
  /** What the bot says before the caller can hear it; null from then on. */
  let early: Int16Array[] | null = [];
  let earlyMs = 0;
  let state: 'idle' | 'on' | 'muted' | 'closed' = 'idle';
  let complained = Number.NEGATIVE_INFINITY;
  const cadence = createCadence();

  const queued = (): number => earlyMs + (port.queued?.() ?? 0);
  const marks = createMarks({ clock, queued, reached: options.marked });

  const send = (samples: Int16Array): void => port.send?.(samples);

  /** A flood must not become a flood of complaints. */
  const complain = (code: BotFaultCode, message: string): void => {
    const now = clock.monotonic();
    if (now - complained < 1_000) return;
    complained = now;
    options.fault(code, message);
  };

  const forget = (): number => {
    const dropped = marks.clear();
    if (early !== null) early = [];
    earlyMs = 0;
    port.clear?.();
    return dropped;
  };

  return {
    listen() {
      if (state !== 'idle') return;
      state = 'on';
      leg.attach(port);
    },
    open() {
      if (early === null) return;
      const waiting = early;
      early = null;
      earlyMs = 0;
      if (state === 'on') for (const samples of waiting) send(samples);
    },
    take(bytes) {
      if (state === 'muted' || state === 'closed') return;
      if (bytes.length % format.bytesPerSample !== 0) {
        complain('bad_audio', 'An audio message must hold whole samples of two bytes.');
        return;
      }
      const ms = format.durationOf(bytes.length);
      const ratio = cadence.piece(clock.monotonic(), ms);
      if (ratio !== null) {
        options.fault(
          'audio_rate',
          `The audio comes at ${ratio.toFixed(2)} times the agreed rate (${format.encoding}, ${format.sampleRate} Hz); is its format another one?`,
        );
      }
      if (queued() + ms > furthestAhead) {
        options.dropped(ms);
        complain(
          'audio_overflow',
          `More than ${furthestAhead / 1_000} s of audio wait to be played; this was dropped.`,
        );
        return;
      }
      const samples = format.decode(bytes);
      marks.sent(samples.length / 8);
      if (early === null) send(samples);
      else {
        early.push(samples);
        earlyMs += samples.length / 8;
      }
    },
    mark: (name) => marks.set(name),
    queued,
    clear() {
      const droppedMs = forget();
      return { playedMs: marks.played(), droppedMs };
    },
    mute() {
      if (state !== 'on') return;
      forget();
      state = 'muted';
      leg.attach(null);
    },
    unmute() {
      if (state !== 'muted') return;
      state = 'on';
      leg.attach(port);
    },
    close() {
      if (state === 'closed') return;
      const attached = state === 'on';
      state = 'closed';
      marks.close();
      if (attached) leg.attach(null);
    },
  };
};
