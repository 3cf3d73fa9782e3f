import type { EngineClock } from '../engine-clock.js';

/** The base values every timer of RFC 3261 is made of (Table 4), milliseconds. */
export type TimerValues = {
  /** Round-trip estimate: first retransmission after this. */
  readonly t1: number;
  /** Longest interval between retransmissions of non-INVITE requests and INVITE responses. */
  readonly t2: number;
  /** Longest time a message stays in the network. */
  readonly t4: number;
};

export const rfc3261Timers: TimerValues = { t1: 500, t2: 4_000, t4: 5_000 };

/** Timers B, F, H, J, L, M and the limit of 2xx retransmission (RFC 3261 17, RFC 6026 7.1). */
export const lifetime = (timers: TimerValues): number => 64 * timers.t1;

/** One pending timer which can be started again and again; starting replaces, and stopping twice is harmless. */
export class Timer {
  readonly #clock: EngineClock;
  #pending: { cancel(): void } | undefined;

  constructor(clock: EngineClock) {
    this.#clock = clock;
  }

  get running(): boolean {
    return this.#pending !== undefined;
  }

  start(ms: number, fn: () => void): void {
    this.#pending?.cancel();
    this.#pending = this.#clock.after(ms, () => {
      this.#pending = undefined;
      fn();
    });
  }

  stop(): void {
    this.#pending?.cancel();
    this.#pending = undefined;
  }
}
