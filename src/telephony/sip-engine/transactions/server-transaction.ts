import { responseTo } from '../compose.js';
import type { EngineClock } from '../engine-clock.js';
import type { ParsedSip, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { Flow, TransportLayer } from '../transport.js';
import { responseRoute } from '../via-route.js';
import { ServerInvite } from './server-invite.js';
import { ServerNonInvite } from './server-non-invite.js';
import type { TimerValues } from './timers.js';

/** A request from the network with its state machine and the way back to its sender. */
export class ServerTransaction {
  readonly request: ParsedSip<SipRequest>;
  /** The flow the request came by. */
  readonly flow: Flow;
  readonly #machine: ServerInvite | ServerNonInvite;
  readonly #atEnd: (() => void)[] = [];
  readonly #onSettled: () => void;
  #settled = false;
  #ackTimeout: (() => void) | undefined;

  constructor(
    env: { clock: EngineClock; timers: TimerValues; transport: () => TransportLayer; onSettled: () => void },
    request: ParsedSip<SipRequest>,
    flow: Flow,
  ) {
    this.request = request;
    this.flow = flow;
    this.#onSettled = env.onSettled;
    const path = responseRoute(request.via, flow);
    const machineEnv = {
      clock: env.clock,
      timers: env.timers,
      send: (bytes: Buffer) => env.transport().sendOn(path.flow, bytes, path.fallback),
    };
    const user = {
      onAckTimeout: () => this.#ackTimeout?.(),
      onTerminated: () => {
        this.#settle();
        for (const fn of this.#atEnd.splice(0)) fn();
      },
    };
    this.#machine =
      request.message.method === 'INVITE'
        ? new ServerInvite(machineEnv, user, flow)
        : new ServerNonInvite(machineEnv, user, flow);
  }

  get state(): ServerInvite['state'] | ServerNonInvite['state'] {
    return this.#machine.state;
  }

  /** An INVITE answered by a 2xx: its ACK belongs to the dialog. */
  get accepted(): boolean {
    return this.#machine.state === 'accepted';
  }

  /** True until a final response was sent. */
  get pending(): boolean {
    return this.#machine.state === 'proceeding' || this.#machine.state === 'trying';
  }

  /**
   * Sends 100 at once, as drachtio-server does. RFC 3261 17.2.1 would let it wait 200 ms, but callers exist that
   * insist on it.
   */
  sayTrying(): void {
    this.respond(responseTo(this.request, 100));
  }

  /** Sends a response and returns its bytes, or undefined when a final one was sent before. */
  respond(response: SipResponse): Buffer | undefined {
    const bytes = serialize(response);
    if (response.status >= 200) this.#settle();
    return this.#machine.respond(response.status, bytes) ? bytes : undefined;
  }

  /** Sends a response's bytes again: a 2xx or a reliable provisional that nobody acknowledged. */
  respondAgain(status: number, bytes: Buffer): boolean {
    return this.#machine.respond(status, bytes);
  }

  retransmission(): void {
    this.#machine.retransmission();
  }

  ack(): void {
    if (this.#machine instanceof ServerInvite) this.#machine.ack();
  }

  /** Calls `fn` when the transaction ends, at once when it has. */
  whenTerminated(fn: () => void): void {
    if (this.#machine.state === 'terminated') fn();
    else this.#atEnd.push(fn);
  }

  /** Calls `fn` when a final failure got no ACK (timer H). */
  whenAckTimesOut(fn: () => void): void {
    this.#ackTimeout = fn;
  }

  stop(): void {
    this.#machine.stop();
  }

  /** Nobody owes an answer any more. */
  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#onSettled();
  }
}
