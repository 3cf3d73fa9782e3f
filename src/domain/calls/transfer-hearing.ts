import type { MediaLeg, Playback, PromptSource } from './ports.js';

/**
 * What the caller hears while a destination rings: early media of the line, else hold audio, else ringback; never
 * silence (transfer.md T4).
 */
export type CallerHearing = {
  /** Hold audio or ringback from now on, unless early media is there. */
  wait(source: PromptSource | null): void;
  early(media: MediaLeg): void;
  /** The line is gone: what it played gives way to ringback until the next one says more. */
  lineGone(source: PromptSource | null): void;
  /** The caller is somebody else's: the agent's again, or the line's, which the bridge sees to. */
  stop(options: { readonly unbridge: boolean }): void;
};

const ringback: PromptSource = { type: 'tone', tone: 'ringback' };

export const callerHearing = (leg: MediaLeg, onTrouble: (error: unknown) => void): CallerHearing => {
  let playing: Playback | null = null;
  let bridged = false;

  const play = (source: PromptSource): void => {
    const playback = leg.play(source, { loop: true });
    playing = playback;
    // A hold file that cannot be read must not leave the caller in silence.
    playback.done.catch((error: unknown) => {
      onTrouble(error);
      if (playing === playback && source !== ringback) play(ringback);
    });
  };
  const part = (): void => {
    if (!bridged) return;
    bridged = false;
    leg.unbridge().catch(onTrouble);
  };
  const wait = (source: PromptSource | null): void => {
    if (bridged || playing !== null) return;
    play(source ?? ringback);
  };

  return {
    wait,
    early: (media) => {
      if (bridged) return;
      playing?.stop();
      playing = null;
      bridged = true;
      leg.bridge(media).catch(onTrouble);
    },
    lineGone: (source) => {
      if (!bridged) return;
      part();
      wait(source);
    },
    stop: ({ unbridge }) => {
      playing?.stop();
      playing = null;
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
