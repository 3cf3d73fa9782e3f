import { lifetime, Timer } from '../transactions/timers.js';
import type { EngineContext } from './context.js';

type Outstanding = { rseq: number; bytes: Buffer; hasOffer: boolean };

/**
 * Reliable provisional responses of one INVITE (RFC 3262 section 3): one at a time, each sent again with doubling
 * intervals until its PRACK comes; what follows waits.
 */
export class ReliableProvisionals {
  readonly #ctx: EngineContext;
  readonly #send: (bytes: Buffer) => void;
  readonly #onGivenUp: () => void;
  readonly #retransmit: Timer;
  readonly #deadline: Timer;
  readonly #waiting: (() => void)[] = [];
  #rseq = 0;
  #outstanding: Outstanding | undefined;

  /** @param onGivenUp no PRACK came within 64*T1: the INVITE is to be refused with a 5xx. */
  constructor(ctx: EngineContext, send: (bytes: Buffer) => void, onGivenUp: () => void) {
    this.#ctx = ctx;
    this.#send = send;
    this.#onGivenUp = onGivenUp;
    this.#retransmit = new Timer(ctx.clock);
    this.#deadline = new Timer(ctx.clock);
  }

  /** True while a PRACK is awaited. */
  get busy(): boolean {
    return this.#outstanding !== undefined;
  }

  /** True while the PRACK of a response with a session description is awaited: a 2xx must wait for it. */
  get holdsAnswer(): boolean {
    return this.#outstanding?.hasOffer === true;
  }

  /** The RSeq the next response gets. */
  nextRSeq(): number {
    this.#rseq += 1;
    return this.#rseq;
  }

  /** A response with this RSeq was sent: repeats it until `acknowledge`. */
  sent(rseq: number, bytes: Buffer, hasOffer: boolean): void {
    this.#outstanding = { rseq, bytes, hasOffer };
    const { t1 } = this.#ctx.transactions.timers;
    this.#arm(t1);
    this.#deadline.start(lifetime(this.#ctx.transactions.timers), () => {
      this.stop();
      this.#onGivenUp();
    });
  }

  /** Runs `fn` when nothing is awaited any more. */
  after(fn: () => void): void {
    if (this.busy) this.#waiting.push(fn);
    else fn();
  }

  /** @returns false when no response waits for this PRACK. */
  acknowledge(rack: string | undefined, inviteSeq: number): boolean {
    const match = /^\s*(\d+)\s+(\d+)\s+INVITE\b/.exec(rack ?? '');
    if (!match || !this.#outstanding) return false;
    if (Number(match[1]) !== this.#outstanding.rseq || Number(match[2]) !== inviteSeq) return false;
    this.#outstanding = undefined;
    this.#retransmit.stop();
    this.#deadline.stop();
    return true;
  }

  /** Sends what waited for the PRACK; the application's answer to it should go first. */
  release(): void {
    while (!this.busy) {
      const next = this.#waiting.shift();
      if (!next) return;
      next();
    }
  }

  stop(): void {
    this.#outstanding = undefined;
    this.#retransmit.stop();
    this.#deadline.stop();
    this.#waiting.length = 0;
  }

  #arm(interval: number): void {
    this.#retransmit.start(interval, () => {
      if (!this.#outstanding) return;
      this.#send(this.#outstanding.bytes);
      this.#arm(interval * 2);
    });
  }
}
