import type { EngineClock } from '../engine-clock.js';

export type ManualEngineClock = EngineClock & {
  /** Moves time on and runs what falls due, in order, timers started meanwhile included. */
  advance(ms: number): void;
  /** Timers that are waiting. */
  readonly pending: number;
};

/** A clock that tests move by hand. Starts at 0. */
export const manualEngineClock = (): ManualEngineClock => {
  let now = 0;
  let order = 0;
  const timers = new Map<number, { at: number; fn: () => void }>();
  return {
    now: () => now,
    after: (ms, fn) => {
      const id = order++;
      timers.set(id, { at: now + Math.max(0, ms), fn });
      return { cancel: () => void timers.delete(id) };
    },
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        let next: [number, { at: number; fn: () => void }] | undefined;
        for (const entry of timers) {
          if (
            entry[1].at <= end &&
            (!next || entry[1].at < next[1].at || (entry[1].at === next[1].at && entry[0] < next[0]))
          ) {
            next = entry;
          }
        }
        if (!next) break;
        timers.delete(next[0]);
        now = next[1].at;
        next[1].fn();
      }
      now = end;
    },
    get pending() {
      return timers.size;
    },
  };
};
