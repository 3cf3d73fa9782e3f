import type { AudioPort, MediaLeg } from '../../../domain/calls/ports.js';
import { frameSamples } from './protocol.js';

/** What lies in front of the caller in the ordinary case, ms: the leg waits for two frames before it begins to play. */
const target = 40;
/** Beyond this, ms, frames are dropped whatever they hold: an interruption must be heard at once. */
const most = 120;
/** How long a queue must have been too long before a frame of speech is dropped for it, frames. */
const patience = 50;
/** A frame this quiet can be left out unheard: about -50 dB. */
const quiet = 100;
/** The agent's first words that are kept until the caller is there, frames: 5 s. */
const mostHeld = 250;

const isQuiet = (samples: Int16Array): boolean => {
  for (const sample of samples) if (sample > quiet || sample < -quiet) return false;
  return true;
};

/**
 * The way from a room to the caller's leg and back. What comes from the room is paced by another clock than the
 * caller's and arrives in gusts; whatever queues up in front of the caller stays there as delay, so it is worn off: first
 * by leaving out quiet frames, then by single frames of speech, at the limit at once.
 */
export type CallerPort = {
  /** 20 ms from the room. */
  fromRoom(samples: Int16Array): void;
  /** What waits for the caller is not to be heard. */
  clear(): void;
  /** The caller is there: what was held for it is played, and from now on nothing is held. */
  release(): void;
  /** Neither hears the other. */
  setMuted(muted: boolean): void;
  /** Frames left out so far. */
  dropped(): number;
  close(): void;
};

export const callerPort = (options: {
  readonly leg: Pick<MediaLeg, 'attach'>;
  /** Keep what comes until `release`. */
  readonly hold: boolean;
  /** 20 ms of the caller. */
  readonly onCaller: (samples: Int16Array) => void;
}): CallerPort => {
  let held: Int16Array[] | null = options.hold ? [] : null;
  let muted = false;
  let closed = false;
  let dropped = 0;
  /** What `release` has put in front, ms: it may be there, and is worn off at pauses. */
  let allowance = 0;
  /** For how many frames in a row the queue was never shorter than the target. */
  let tooLong = 0;
  const port: AudioPort = {
    onAudio: (samples) => {
      if (!muted) options.onCaller(samples);
    },
  };
  options.leg.attach(port);

  const isOneTooMany = (samples: Int16Array): boolean => {
    const queued = port.queued?.() ?? 0;
    allowance = Math.min(allowance, queued);
    if (queued > most + allowance) return true;
    tooLong = queued > target ? tooLong + 1 : 0;
    if (tooLong > 0 && isQuiet(samples)) return true;
    // Speech gives way one frame at a time, too rarely to be heard as a stutter.
    if (tooLong <= patience || allowance > 0) return false;
    tooLong = 0;
    return true;
  };

  const play = (samples: Int16Array): void => {
    if (isOneTooMany(samples)) dropped += 1;
    else port.send?.(samples);
  };

  return {
    fromRoom(samples) {
      if (closed || muted || samples.length !== frameSamples) return;
      if (held === null) play(samples);
      else if (held.push(samples) > mostHeld) held.shift();
    },
    clear() {
      if (held !== null) held = [];
      allowance = 0;
      port.clear?.();
    },
    release() {
      const first = held ?? [];
      held = null;
      if (closed || muted) return;
      for (const samples of first) port.send?.(samples);
      allowance = first.length * 20;
    },
    setMuted(next) {
      muted = next;
      if (muted) port.clear?.();
    },
    dropped: () => dropped,
    close() {
      if (closed) return;
      closed = true;
      options.leg.attach(null);
    },
  };
};
