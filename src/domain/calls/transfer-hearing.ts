import type { MediaLeg, Playback, PromptSource } from './ports.js';

/**
 * What the caller hears while a destination rings: early media of the line, else hold audio, else ringback; never
 * silence (transfer.md T4).
 */
export type CallerHearing = {
  /** What is heard while the line under way rings or holds: its hold audio, null for ringback. `wait` begins it. */
  choose(source: PromptSource | null): void;
  chosen(): PromptSource | null;
  /** What was chosen sounds from now on, unless early media is there. The same again goes on. */
  wait(): void;
  early(media: MediaLeg): void;
  /** The line is gone: what it played gives way to ringback, other hold audio goes on until the next line says more. */
  lineGone(): void;
  /** The caller is somebody else's: the agent's again, or the line's, which the bridge sees to. */
  stop(options: { readonly unbridge: boolean }): void;
};

const ringback: PromptSource = { type: 'tone', tone: 'ringback' };

export const callerHearing = (leg: MediaLeg, onTrouble: (error: unknown) => void): CallerHearing => {
  let playing: { readonly source: PromptSource; readonly playback: Playback } | null = null;
  let choice: PromptSource | null = null;
  let bridged = false;

  /** `instead`: what is played is in the place of this, and goes on when it is asked for again. */
  const play = (source: PromptSource, instead = source): void => {
    playing?.playback.stop();
    const mine = { source: instead, playback: leg.play(source, { loop: true }) };
    playing = mine;
    // A hold file that cannot be read must not leave the caller in silence.
    mine.playback.done.catch((error: unknown) => {
      onTrouble(error);
      if (playing === mine && source !== ringback) play(ringback, source);
    });
  };
  const silence = (): void => {
    playing?.playback.stop();
    playing = null;
  };
  const part = (): void => {
    if (!bridged) return;
    bridged = false;
    leg.unbridge().catch(onTrouble);
  };

  return {
    choose: (source) => {
      choice = source;
    },
    chosen: () => choice,
    wait: () => {
      const wanted = choice ?? ringback;
      if (bridged || playing?.source === wanted) return;
      play(wanted);
    },
    early: (media) => {
      if (bridged) return;
      silence();
      bridged = true;
      leg.bridge(media).catch(onTrouble);
    },
    lineGone: () => {
      part();
      if (playing === null) play(ringback);
    },
    stop: ({ unbridge }) => {
      silence();
      if (unbridge) part();
      bridged = false;
    },
  };
};

const sampleRate = 8_000;

/** What a held party hears when no hold audio is configured: a soft beep every five seconds, so that the line is not dead. */
export const comfortBeep: PromptSource = {
  type: 'pcm',
  sampleRate,
  samples: Int16Array.from({ length: 5 * sampleRate }, (_, index) => {
    const beep = sampleRate / 5;
    if (index >= beep) return 0;
    // Rises and falls within 20 ms, so that it does not click.
    const edge = Math.min(1, index / 160, (beep - index) / 160);
    return Math.round(2_000 * edge * Math.sin((2 * Math.PI * 425 * index) / sampleRate));
  }),
};
