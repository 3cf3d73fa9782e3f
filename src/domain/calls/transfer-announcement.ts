import type { Clock } from '../../core/clock.js';
import type { TransferDestination } from '../directory/records.js';
import type { MediaLeg } from './ports.js';
import type { LineWatch } from './transfer-line.js';
import type { TransferDeps } from './transfer-ports.js';

/** Longest announcement, ms: a file that never ends must not keep the caller waiting. */
const longest = 60_000;

type Words = { readonly summary: string | null; readonly caller: string | null };
type Audio = Awaited<ReturnType<TransferDeps['announce']>>;

/**
 * What a destination wants said before the caller is connected (transfer.md T5), with `{summary}` and `{caller}` filled
 * in; null when there is nothing to say.
 */
const announcementOf = ({ announcement }: Pick<TransferDestination, 'announcement'>, words: Words) => {
  if (announcement === null) return null;
  const text = announcement
    .replace(/\{(summary|caller)\}/g, (_, name: string) => (name === 'summary' ? words.summary : words.caller) ?? '')
    .trim();
  return text === '' ? null : text;
};

/** `absent`: there was nothing, or it could not be had; the caller is connected all the same. */
export type AnnouncementEnd = 'absent' | 'said' | 'line-left' | 'given-up';

/** Says it to the line while the caller still hears that it rings; resolves when the caller may be connected, or not. */
const announce = async (
  media: Pick<MediaLeg, 'play'>,
  audio: Promise<Audio>,
  interruptions: { readonly signal: AbortSignal; readonly line: Pick<LineWatch, 'onLeft'> },
  clock: Pick<Clock, 'after'>,
): Promise<AnnouncementEnd> => {
  const { signal, line } = interruptions;
  let interrupt: (how: AnnouncementEnd) => void = () => {};
  const interrupted = new Promise<AnnouncementEnd>((resolve) => {
    interrupt = resolve;
  });
  const onAbort = (): void => interrupt('given-up');
  signal.addEventListener('abort', onAbort, { once: true });
  line.onLeft(() => interrupt('line-left'));
  const limit = clock.after(longest, () => interrupt('said'));
  if (signal.aborted) onAbort();
  try {
    const found = await Promise.race([audio.catch(() => null), interrupted]);
    if (found === null) return 'absent';
    if (typeof found === 'string') return found;
    const playback = media.play(found.source);
    const said = playback.done.then(
      (): AnnouncementEnd => 'said',
      (): AnnouncementEnd => 'absent',
    );
    const end = await Promise.race([said, interrupted]);
    playback.stop();
    return end;
  } finally {
    limit.cancel();
    line.onLeft(null);
    signal.removeEventListener('abort', onAbort);
  }
};

/** An announcement that is made ready while it rings. */
export type Introduction = {
  /** Says it to the line that has answered. */
  say(media: Pick<MediaLeg, 'play'>): Promise<AnnouncementEnd>;
  /** Nobody answered, or it has been said. */
  drop(): void;
};

/** Null: the destination wants nothing said, or a carrier makes the call and there is nobody to say it to. */
export const introduction = (
  destination: Pick<TransferDestination, 'announcement' | 'method'>,
  words: Words,
  interruptions: Parameters<typeof announce>[2],
  deps: Pick<TransferDeps, 'announce' | 'clock'>,
): Introduction | null => {
  const text = announcementOf(destination, words);
  if (text === null || destination.method === 'refer') return null;
  const audio = deps.announce(text, interruptions.signal);
  const drop = (): void => {
    audio.then(
      (made) => made?.release(),
      () => {},
    );
  };
  return { say: (media) => announce(media, audio, interruptions, deps.clock).finally(drop), drop };
};
