import type { ParsedSip, SipResponse } from '../message.js';
import type { Flow, SendFailure } from '../transport.js';
import type { ClientEnv, ClientUser } from './client-invite.js';
import { lifetime, Timer } from './timers.js';

export type ClientNonInviteState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** Non-INVITE client transaction (RFC 3261 17.1.2): timers E, F and K. */
export class ClientNonInvite {
  state: ClientNonInviteState = 'trying';
  readonly #env: ClientEnv;
  readonly #user: ClientUser;
  readonly #retransmit: Timer;
  readonly #deadline: Timer;
  #flow: Flow | undefined;
  #bytes: Buffer | undefined;

  constructor(env: ClientEnv, user: ClientUser) {
    this.#env = env;
    this.#user = user;
    this.#retransmit = new Timer(env.clock);
    this.#deadline = new Timer(env.clock);
    this.#deadline.start(lifetime(env.timers), () => {
      this.#terminate();
      this.#user.onTimeout();
    });
  }

  /** The request was handed to the network: timer E runs from here on unreliable transports. */
  sent(flow: Flow, bytes: Buffer): void {
    this.#flow = flow;
    this.#bytes = bytes;
    if (flow.transport !== 'udp') return;
    if (this.state === 'trying') this.#armRetransmission(this.#env.timers.t1);
    else if (this.state === 'proceeding') this.#armRetransmission(this.#env.timers.t2);
  }

  get flow(): Flow | undefined {
    return this.#flow;
  }

  receive(response: ParsedSip<SipResponse>, flow: Flow): void {
    if (this.state !== 'trying' && this.state !== 'proceeding') return;
    if (response.message.status < 200) {
      this.state = 'proceeding';
    } else {
      this.state = 'completed';
      this.#retransmit.stop();
      const used = this.#flow ?? flow;
      // Timer K absorbs retransmitted finals; a reliable transport has none.
      this.#deadline.start(used.transport === 'udp' ? this.#env.timers.t4 : 0, () => this.#terminate());
    }
    this.#user.onResponse(response, flow);
  }

  transportError(failure: SendFailure): void {
    if (this.state !== 'trying' && this.state !== 'proceeding') return;
    this.#terminate();
    this.#user.onTransportError(failure);
  }

  stop(): void {
    if (this.state !== 'terminated') this.#terminate();
  }

  #armRetransmission(interval: number): void {
    this.#retransmit.start(interval, () => {
      if (this.#flow && this.#bytes) this.#env.send(this.#flow, this.#bytes);
      // Once a provisional came the interval is T2 whatever it was (17.1.2.2).
      const { t2 } = this.#env.timers;
      this.#armRetransmission(this.state === 'proceeding' ? t2 : Math.min(interval * 2, t2));
    });
  }

  #terminate(): void {
    this.state = 'terminated';
    this.#retransmit.stop();
    this.#deadline.stop();
    this.#user.onTerminated();
  }
}
