import type { Clock, Timer } from '../../../core/clock.js';

/** Tells a bot how far its audio has been played, by the marks it set (interruption needs to know what was heard). */
export type Marks = {
  /** The audio given to the leg has grown by so much, ms. */
  sent(ms: number): void;
  /** Set behind everything sent so far. */
  set(name: string): void;
  /** What was sent and not played is forgotten: marks in it come back at once. Returns how much that was, ms. */
  clear(): number;
  /** Audio played so far, ms. */
  played(): number;
  close(): void;
};

/** Marks a bot may have set and not yet got back. */
const mostMarks = 256;
/** The leg is asked again no sooner than this, ms: it plays 20 ms at a time. */
const shortestWait = 10;

export const createMarks = (options: {
  readonly clock: Clock;
  /** Audio sent and not yet played, ms. */
  readonly queued: () => number;
  readonly reached: (name: string, playedMs: number, cleared: boolean) => void;
}): Marks => {
  const waiting: { readonly name: string; readonly at: number }[] = [];
  let total = 0;
  let timer: Timer | null = null;

  const played = (): number => Math.max(0, Math.round(total - options.queued()));

  const look = (): void => {
    timer?.cancel();
    timer = null;
    const now = played();
    for (let [first] = waiting; first !== undefined && first.at <= now; [first] = waiting) {
      waiting.shift();
      options.reached(first.name, now, false);
    }
    const [next] = waiting;
    if (next !== undefined) timer = options.clock.after(Math.max(shortestWait, next.at - now), look);
  };

  return {
    sent: (ms) => {
      total += ms;
    },
    set(name) {
      waiting.push({ name, at: Math.round(total) });
      if (waiting.length > mostMarks) waiting.shift();
      if (waiting.length === 1 || timer === null) look();
    },
    clear() {
      timer?.cancel();
      timer = null;
      const dropped = options.queued();
      total -= dropped;
      const now = Math.max(0, Math.round(total));
      for (const mark of waiting.splice(0)) options.reached(mark.name, now, mark.at > now);
      return Math.round(dropped);
    },
    played,
    close() {
      timer?.cancel();
      timer = null;
      waiting.length = 0;
    },
  };
};
