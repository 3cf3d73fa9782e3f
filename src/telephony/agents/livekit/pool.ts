import type { Clock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import { type LiveKitChild, type ReportedChild, startChild } from './child-process.js';

export type PoolLimits = {
  /** Legs of one child: each room costs all others in its process some time for every event. */
  readonly legsPerChild: number;
  /** After so many legs, or beyond so much memory (octets), a child takes no more and ends when it is empty. */
  readonly legsServed: number;
  readonly memory: number;
};

export const poolLimits: PoolLimits = { legsPerChild: 25, legsServed: 500, memory: 600 * 1_024 * 1_024 };

/** Seats that are kept free in children that have loaded the library, so that a call does not wait for it. */
const spareSeats = 5;
/** A child that ends again and again is not started anew at once, ms. */
const restartDelays = [0, 500, 2_000, 5_000];
/** How long a leg waits for a child when none is ready, ms. */
const patience = 15_000;

export type ChildPool = {
  /** A child with a free seat; waits for one that starts. Rejects with GatewayError overloaded. */
  seat(): Promise<LiveKitChild>;
  /** To be called when a leg has left: an exhausted child that is empty now is replaced. */
  vacated(child: LiveKitChild): void;
  report(): readonly ReportedChild[];
  close(): Promise<void>;
};

/** The children that hold the rooms: started ahead, filled one after the other, replaced when they end or have had enough. */
export const createPool = (options: {
  readonly limits: PoolLimits;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}): ChildPool => {
  const { limits, clock, log } = options;
  const children = new Set<LiveKitChild>();
  let failures = 0;
  let closed = false;
  let restart: { cancel(): void } | null = null;

  const exhausted = ({ served, memory }: ReportedChild): boolean =>
    served >= limits.legsServed || memory > limits.memory;
  const seatsOf = (child: LiveKitChild): number => {
    const report = child.report();
    if (exhausted(report)) return 0;
    return Math.min(limits.legsPerChild - report.legs, limits.legsServed - report.served);
  };

  const start = (): void => {
    const child = startChild({
      env: options.env,
      clock,
      log,
      // It may have grown beyond its limit: its free seats count no more.
      onReport: () => fill(),
      onExit: (reason, wanted) => {
        children.delete(child);
        if (closed || wanted) return;
        failures += 1;
        log.error({ reason, ...child.report() }, 'a LiveKit child ended by itself and is replaced');
        const delay = restartDelays[Math.min(failures, restartDelays.length) - 1] ?? 5_000;
        restart ??= clock.after(delay, () => {
          restart = null;
          if (!closed) start();
        });
      },
    });
    children.add(child);
    child.ready.then(
      () => log.info({ pid: child.report().pid }, 'a LiveKit child is ready'),
      () => {},
    );
  };

  /** Starts what is missing for the spare seats; those of a child that is still starting count. */
  const fill = (): void => {
    if (closed) return;
    let free = 0;
    for (const child of children) free += seatsOf(child);
    while (free < Math.min(spareSeats, limits.legsServed)) {
      start();
      free += Math.min(limits.legsPerChild, limits.legsServed);
    }
  };

  const retire = (child: LiveKitChild): void => {
    const report = child.report();
    if (report.legs > 0 || !exhausted(report) || !child.usable()) return;
    log.info({ ...report }, 'a LiveKit child has had enough and is replaced');
    void child.end('The LiveKit child was replaced.').then(fill);
  };

  /** The fullest that has room: the others stay empty and can be replaced. */
  const best = (usable: boolean): LiveKitChild | undefined =>
    [...children]
      .filter((child) => child.usable() === usable && seatsOf(child) > 0)
      .sort((a, b) => b.report().legs - a.report().legs)[0];

  const startingOne = async (): Promise<LiveKitChild> => {
    fill();
    const child = best(false);
    if (child === undefined) throw new Error('no LiveKit child is starting');
    await child.ready;
    return child;
  };

  const within = async <T>(work: Promise<T>): Promise<T> => {
    let limit: { cancel(): void } | undefined;
    const late = new Promise<never>((_, reject) => {
      limit = clock.after(patience, () => reject(new Error(`not ready within ${patience} ms`)));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      limit?.cancel();
    }
  };

  fill();
  return {
    async seat() {
      if (closed) throw new GatewayError('draining', 'The gateway is shutting down.');
      const ready = best(true);
      if (ready !== undefined) {
        failures = 0;
        // After this leg has taken its seat.
        queueMicrotask(fill);
        return ready;
      }
      try {
        return await within(startingOne());
      } catch (error) {
        throw new GatewayError('overloaded', 'No LiveKit child is ready to take the call.', { cause: error });
      }
    },
    vacated(child) {
      retire(child);
      fill();
    },
    report: () => [...children].map((child) => child.report()),
    async close() {
      closed = true;
      restart?.cancel();
      await Promise.all([...children].map((child) => child.end('The gateway is shutting down.')));
    },
  };
};
