import type { EngineClock } from '../engine-clock.js';
import type { ParsedSip, SipResponse } from '../message.js';
import type { Flow, SendFailure } from '../transport.js';
import { lifetime, Timer, type TimerValues } from './timers.js';

/** What a client transaction tells its user (RFC 3261 17.1). */
export type ClientUser = {
  /** A provisional (101-199), a final, or a further 2xx of an accepted INVITE (RFC 6026 7.2). */
  onResponse(response: ParsedSip<SipResponse>, flow: Flow): void;
  /** Timer B or F: nobody answered. */
  onTimeout(): void;
  onTransportError(failure: SendFailure): void;
  onTerminated(): void;
};

export type ClientEnv = {
  readonly clock: EngineClock;
  readonly timers: TimerValues;
  /** Hands bytes to a flow again: retransmissions and the ACK of a final failure. */
  send(flow: Flow, bytes: Buffer): void;
};

export type ClientInviteState = 'calling' | 'proceeding' | 'completed' | 'accepted' | 'terminated';

/** Timer D on unreliable transports: at least 32 s (17.1.1.2). */
const timerD = 32_000;

/**
 * INVITE client transaction: RFC 3261 17.1.1 with the Accepted state of RFC 6026, in which further 2xx (retransmissions
 * and those of other forks) still reach the user. The first sending is done by the owner, who calls `sent`.
 */
export class ClientInvite {
  state: ClientInviteState = 'calling';
  readonly #env: ClientEnv;
  readonly #user: ClientUser;
  /** Renders the ACK of a failure: same branch, To of the response (17.1.1.3). */
  readonly #ackFor: (response: ParsedSip<SipResponse>) => Buffer;
  readonly #retransmit: Timer;
  readonly #deadline: Timer;
  #flow: Flow | undefined;
  #bytes: Buffer | undefined;
  #ack: Buffer | undefined;

  constructor(env: ClientEnv, user: ClientUser, ackFor: (response: ParsedSip<SipResponse>) => Buffer) {
    this.#env = env;
    this.#user = user;
    this.#ackFor = ackFor;
    this.#retransmit = new Timer(env.clock);
    this.#deadline = new Timer(env.clock);
    this.#deadline.start(lifetime(env.timers), () => this.#timedOut());
  }

  /** The request was handed to the network: timer A runs from here on unreliable transports. */
  sent(flow: Flow, bytes: Buffer): void {
    this.#flow = flow;
    this.#bytes = bytes;
    if (this.state === 'calling' && flow.transport === 'udp') this.#armRetransmission(this.#env.timers.t1);
  }

  /** Where the request went, once known. */
  get flow(): Flow | undefined {
    return this.#flow;
  }

  receive(response: ParsedSip<SipResponse>, flow: Flow): void {
    const { status } = response.message;
    switch (this.state) {
      case 'calling':
      case 'proceeding':
        this.#retransmit.stop();
        if (status < 200) {
          this.#deadline.stop();
          this.state = 'proceeding';
        } else if (status < 300) this.#accept();
        else this.#complete(response, flow);
        this.#user.onResponse(response, flow);
        return;
      case 'completed':
        if (status >= 300 && this.#ack) this.#env.send(this.#flow ?? flow, this.#ack);
        return;
      case 'accepted':
        if (status >= 200 && status < 300) this.#user.onResponse(response, flow);
        return;
      case 'terminated':
        return;
    }
  }

  /** The transport failed; only a transaction that still waits for its answer is concerned (RFC 3261 17.1.4). */
  transportError(failure: SendFailure): void {
    if (this.state !== 'calling' && this.state !== 'proceeding') return;
    this.#terminate();
    this.#user.onTransportError(failure);
  }

  /** Ends without telling the user: the owner gave up. */
  stop(): void {
    if (this.state !== 'terminated') this.#terminate();
  }

  #armRetransmission(interval: number): void {
    this.#retransmit.start(interval, () => {
      if (this.#flow && this.#bytes) this.#env.send(this.#flow, this.#bytes);
      this.#armRetransmission(interval * 2);
    });
  }

  #accept(): void {
    this.state = 'accepted';
    this.#deadline.start(lifetime(this.#env.timers), () => this.#terminate());
  }

  #complete(response: ParsedSip<SipResponse>, flow: Flow): void {
    const used = this.#flow ?? flow;
    this.#flow = used;
    this.state = 'completed';
    this.#ack = this.#ackFor(response);
    this.#env.send(used, this.#ack);
    // A reliable transport needs no wait, but the user must see the response before the end.
    this.#deadline.start(used.transport === 'udp' ? timerD : 0, () => this.#terminate());
  }

  #timedOut(): void {
    this.#terminate();
    this.#user.onTimeout();
  }

  #terminate(): void {
    this.state = 'terminated';
    this.#retransmit.stop();
    this.#deadline.stop();
    this.#user.onTerminated();
  }
}
