import type { Clock } from '../../core/clock.js';

/** Whether the line of an attempt has hung up, for those who wait for it from its 200 on. */
export type LineWatch = {
  /** A new line is called. */
  begin(): void;
  /** It hung up; true when somebody waited for that. */
  hungUp(): boolean;
  readonly gone: () => boolean;
  /** The one who is told, at once when it has gone already; null for nobody. */
  onLeft(listener: (() => void) | null): void;
};

export const lineWatch = (): LineWatch => {
  let gone = false;
  let listener: (() => void) | null = null;
  return {
    begin: () => {
      gone = false;
    },
    hungUp: () => {
      gone = true;
      if (listener === null) return false;
      listener();
      return true;
    },
    gone: () => gone,
    onLeft: (next) => {
      listener = next;
      if (gone) next?.();
    },
  };
};

/** Whether the line hangs up within `ms`: a line that answers before a human does (transfer.md T4). */
export const stays = (
  line: Pick<LineWatch, 'onLeft'>,
  ms: number,
  signal: AbortSignal,
  clock: Pick<Clock, 'after'>,
): Promise<'stayed' | 'left' | 'given-up'> =>
  new Promise((resolve) => {
    const finish = (how: 'stayed' | 'left' | 'given-up'): void => {
      window.cancel();
      signal.removeEventListener('abort', onAbort);
      line.onLeft(null);
      resolve(how);
    };
    const onAbort = (): void => finish('given-up');
    const window = clock.after(ms, () => finish('stayed'));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else line.onLeft(() => finish('left'));
  });
