import { cancelOf } from '../compose.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { ClientTransaction } from '../transactions/table.js';
import { lifetime, Timer } from '../transactions/timers.js';
import type { Flow, Target, TransportName } from '../transport.js';
import type { EngineContext } from './context.js';
import { hostPort, type OwnAddress } from './identity.js';

/** Where a message goes. */
export type Place = { readonly transport: TransportName; readonly address: string; readonly port: number };

export type SentMessage = Place & { readonly bytes: Buffer; readonly request: SipRequest };

/** The request with our Via on top, as it goes to a place. */
export const withVia = (request: SipRequest, own: OwnAddress, branch: string, place: Place): SentMessage => {
  const { transport, address, port } = place;
  const via = { name: 'Via', value: `SIP/2.0/${transport.toUpperCase()} ${hostPort(own)};branch=${branch};rport` };
  const complete: SipRequest = { ...request, headers: [via, ...request.headers] };
  return { bytes: serialize(complete), request: complete, transport, address, port };
};

export type AttemptUser = {
  onResponse(attempt: Attempt, response: ParsedSip<SipResponse>, flow: Flow): void;
  /** Nothing at all has come back since the request left: the target is not worth waiting for alone. */
  onSilence(attempt: Attempt): void;
  /** It is over without a final response: 408 for silence until the transaction's end, 503 when the transport failed. */
  onFailure(attempt: Attempt, status: 408 | 503, reason: string): void;
};

/** So many T1 of silence are four sendings by UDP that were lost, or a host that is gone: 4 s. */
const silentT1s = 8;

/** One target of a request being tried: its client transaction, its CANCEL, and what its silence says. */
export class Attempt {
  readonly #ctx: EngineContext;
  /** The request without our Via. */
  readonly #request: SipRequest;
  readonly #branch: string;
  readonly #transaction: ClientTransaction;
  /** Before the first response it measures silence, after a CANCEL how long the end may take. */
  readonly #patience: Timer;
  readonly #user: AttemptUser;
  #sent: SentMessage;
  #leftAt = 0;
  /** Flow of the first response. */
  #heardOn: Flow | undefined;
  #cancelled = false;

  constructor(ctx: EngineContext, request: SipRequest, branch: string, sent: SentMessage, user: AttemptUser) {
    this.#ctx = ctx;
    this.#request = request;
    this.#branch = branch;
    this.#sent = sent;
    this.#user = user;
    this.#patience = new Timer(ctx.clock);
    this.#transaction = ctx.transactions.createClient(() => this.#sent.request, request.method, branch, {
      onResponse: (response, flow) => {
        if (!this.#heardOn || response.message.status >= 200) this.#patience.stop();
        this.#heardOn ??= flow;
        user.onResponse(this, response, flow);
      },
      onTimeout: () => {
        const { flow } = this.#transaction;
        // A connection whose other end is gone takes bytes for a quarter of an hour: the next request needs a new one.
        if (flow) ctx.transport().closeIfSilent(flow, this.#leftAt);
        user.onFailure(this, 408, 'no response');
      },
      onTransportError: (failure) => user.onFailure(this, 503, failure.detail),
      onTerminated: () => this.#patience.stop(),
    });
  }

  /** The request as it left, or as it is about to. */
  get sent(): SentMessage {
    return this.#sent;
  }

  /** A CANCEL has gone out: whatever comes now is nobody's answer. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  sendTo(target: Target): void {
    const transport = this.#ctx.transport();
    const own = transport.localFor(target.transport, target.address);
    transport
      .sendRequest(target, (name, local) => {
        // Usually what was rendered already; another transport or port needs another Via.
        if (name !== target.transport || local.port !== own?.port || local.address !== own.address) {
          const place = { ...target, transport: name };
          this.#sent = withVia(this.#request, this.#ctx.identity.publicOf(local), this.#branch, place);
        }
        return this.#sent.bytes;
      })
      .then(
        (flow) => this.#left(flow),
        (failure) => this.#transaction.transportError(failure),
      );
  }

  /** Sends on a flow that is there, and to `fallback` when its connection is gone. */
  sendOn(flow: Flow, fallback: Target | undefined): void {
    this.#ctx.transport().sendOn(flow, this.#sent.bytes, fallback);
    this.#left(flow);
  }

  /** Cancels an INVITE that has got a provisional response (RFC 3261 9.1); once. */
  cancel(headers: readonly SipHeader[]): void {
    const flow = this.#transaction.flow ?? this.#heardOn;
    if (this.#cancelled || !flow) return;
    this.#cancelled = true;
    const bytes = serialize(cancelOf(this.#sent.request, headers));
    const transaction = this.#ctx.transactions.createClient(() => this.#request, 'CANCEL', this.#branch, unheard);
    this.#ctx.transport().sendOn(flow, bytes);
    transaction.sent(flow, bytes);
    // A peer that never ends the INVITE is not waited for.
    this.#patience.start(lifetime(this.#ctx.transactions.timers), () => {
      this.stop();
      this.#user.onFailure(this, 408, 'no final response after CANCEL');
    });
  }

  /** Ends it without telling anybody. */
  stop(): void {
    this.#transaction.stop();
  }

  #left(flow: Flow): void {
    this.#leftAt = this.#ctx.clock.now();
    this.#transaction.sent(flow, this.#sent.bytes);
    if (this.#heardOn || this.#transaction.state === 'terminated') return;
    this.#patience.start(silentT1s * this.#ctx.transactions.timers.t1, () => this.#user.onSilence(this));
  }
}

const ignore = (): void => undefined;
const unheard = { onResponse: ignore, onTimeout: ignore, onTransportError: ignore, onTerminated: ignore };
