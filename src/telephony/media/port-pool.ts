import type { Clock } from '../../core/clock.js';

/**
 * The even ports of a range; each stands for itself (RTP) and the odd port above it (RTCP), as RFC 3550 section 11 asks.
 * Freed ports rest for `drainMs` before they are given out again, because the former peer may still be sending to them,
 * and the pool hands out the port that has been free the longest.
 */
export type PortPool = {
  /** The next port, or null when every one is taken or draining. */
  take(): number | null;
  /** Gives a port back; it drains first. A port that is not taken is ignored. */
  release(port: number): void;
  /** Ports that `take` could give out now. */
  free(): number;
  /** Ports given out and not yet released. */
  taken(): number;
};

/** `first` and `last` are inclusive; an odd `first` is rounded up, and a last even port without its odd one is left out. */
export const portPool = (options: {
  readonly first: number;
  readonly last: number;
  readonly drainMs: number;
  readonly clock: Clock;
}): PortPool => {
  const first = options.first + (options.first % 2);
  const size = Math.max(0, Math.floor((options.last - first + 1) / 2));
  // Both queues are rings of at most `size` ports, so that taking and releasing never moves an array about.
  const ready = new Uint16Array(size);
  const drainingPorts = new Uint16Array(size);
  const drainingUntil = new Float64Array(size);
  for (let i = 0; i < size; i += 1) ready[i] = first + 2 * i;
  let readyHead = 0;
  let readyCount = size;
  let drainHead = 0;
  let drainCount = 0;
  const taken = new Set<number>();

  const collect = (): void => {
    const now = options.clock.monotonic();
    while (drainCount > 0 && (drainingUntil[drainHead] ?? 0) <= now) {
      ready[(readyHead + readyCount) % size] = drainingPorts[drainHead] ?? 0;
      readyCount += 1;
      drainHead = (drainHead + 1) % size;
      drainCount -= 1;
    }
  };

  return {
    take() {
      collect();
      if (readyCount === 0) return null;
      const port = ready[readyHead] ?? 0;
      readyHead = (readyHead + 1) % size;
      readyCount -= 1;
      taken.add(port);
      return port;
    },
    release(port) {
      if (!taken.delete(port)) return;
      const slot = (drainHead + drainCount) % size;
      drainingPorts[slot] = port;
      drainingUntil[slot] = options.clock.monotonic() + options.drainMs;
      drainCount += 1;
    },
    free() {
      collect();
      return readyCount;
    },
    taken: () => taken.size,
  };
};
