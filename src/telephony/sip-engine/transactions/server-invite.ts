import type { EngineClock } from '../engine-clock.js';
import type { Flow } from '../transport.js';
import { lifetime, Timer, type TimerValues } from './timers.js';

export type ServerEnv = {
  readonly clock: EngineClock;
  readonly timers: TimerValues;
  /** Hands bytes to the flow of the request (RFC 3261 18.2.2 decides where that is). */
  send(bytes: Buffer): void;
};

/** What a server transaction tells its user (RFC 3261 17.2). */
export type ServerUser = {
  /** Timer H: no ACK came for our final failure. */
  onAckTimeout(): void;
  onTerminated(): void;
};

export type ServerInviteState = 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';

/**
 * INVITE server transaction: RFC 3261 17.2.1 with the Accepted state of RFC 6026, which absorbs retransmitted INVITEs
 * after a 2xx. Retransmitting the 2xx itself is the user agent's work (13.3.1.4), not done here.
 */
export class ServerInvite {
  state: ServerInviteState = 'proceeding';
  readonly #env: ServerEnv;
  readonly #user: ServerUser;
  readonly #reliable: boolean;
  readonly #retransmit: Timer;
  readonly #deadline: Timer;
  #last: Buffer | undefined;

  constructor(env: ServerEnv, user: ServerUser, flow: Pick<Flow, 'transport'>) {
    this.#env = env;
    this.#user = user;
    this.#reliable = flow.transport !== 'udp';
    this.#retransmit = new Timer(env.clock);
    this.#deadline = new Timer(env.clock);
  }

  /** Sends a response; one after the final is ignored, except further 2xx of a proxy (RFC 6026 7.1). */
  respond(status: number, bytes: Buffer): boolean {
    if (this.state === 'accepted' && status >= 200 && status < 300) {
      this.#env.send(bytes);
      return true;
    }
    if (this.state !== 'proceeding') return false;
    if (status < 200) {
      this.#last = bytes;
    } else if (status < 300) {
      this.state = 'accepted';
      this.#last = undefined;
      this.#deadline.start(lifetime(this.#env.timers), () => this.#terminate());
    } else {
      this.state = 'completed';
      this.#last = bytes;
      if (!this.#reliable) this.#armRetransmission(this.#env.timers.t1);
      this.#deadline.start(lifetime(this.#env.timers), () => {
        this.#terminate();
        this.#user.onAckTimeout();
      });
    }
    this.#env.send(bytes);
    return true;
  }

  /** The INVITE came again. */
  retransmission(): void {
    if ((this.state === 'proceeding' || this.state === 'completed') && this.#last) this.#env.send(this.#last);
  }

  /** The ACK of our failure. */
  ack(): void {
    if (this.state !== 'completed') return;
    this.state = 'confirmed';
    this.#retransmit.stop();
    this.#deadline.start(this.#reliable ? 0 : this.#env.timers.t4, () => this.#terminate());
  }

  stop(): void {
    if (this.state !== 'terminated') this.#terminate();
  }

  #armRetransmission(interval: number): void {
    this.#retransmit.start(interval, () => {
      if (this.#last) this.#env.send(this.#last);
      this.#armRetransmission(Math.min(interval * 2, this.#env.timers.t2));
    });
  }

  #terminate(): void {
    this.state = 'terminated';
    this.#last = undefined;
    this.#retransmit.stop();
    this.#deadline.stop();
    this.#user.onTerminated();
  }
}
