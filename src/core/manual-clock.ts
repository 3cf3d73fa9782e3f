import type { Clock, Timer } from './clock.js';

/** A clock for tests: time stands still until `advance` moves it, firing due timers in order. */
export type ManualClock = Clock & { advance(ms: number): void; pending(): number };

export const manualClock = (start = 1_700_000_000_000): ManualClock => {
  let elapsed = 0;
  let sequence = 0;
  const timers = new Map<number, { due: number; fn: () => void }>();
  const next = (limit: number): [number, { due: number; fn: () => void }] | undefined => {
    let found: [number, { due: number; fn: () => void }] | undefined;
    for (const entry of timers) {
      if (entry[1].due <= limit && (found === undefined || entry[1].due < found[1].due)) found = entry;
    }
    return found;
  };
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    after(ms: number, fn: () => void): Timer {
      const id = ++sequence;
      timers.set(id, { due: elapsed + Math.max(0, ms), fn });
      return { cancel: () => timers.delete(id) };
    },
    advance(ms: number): void {
      const limit = elapsed + ms;
      for (let entry = next(limit); entry !== undefined; entry = next(limit)) {
        timers.delete(entry[0]);
        elapsed = Math.max(elapsed, entry[1].due);
        entry[1].fn();
      }
      elapsed = limit;
    },
    pending: () => timers.size,
  };
};
