import { cancelOf } from '../compose.js';
import type { SentPlace } from '../drachtio/deliveries.js';
import { newBranch } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { ClientTransaction } from '../transactions/table.js';
import { lifetime, Timer } from '../transactions/timers.js';
import type { Flow, ListenPoint, Target, TransportName } from '../transport.js';
import type { EngineContext } from './context.js';
import { hostPort, type OwnAddress } from './identity.js';

/** Where a request goes: to what a URI resolves to, or back on a flow (NAT, connections of the peer's making). */
export type RequestPath = {
  uri: string;
  /** When given the request goes here, and to `uri` only if the connection is gone. */
  flow?: Flow | undefined;
};

export type SentMessage = {
  bytes: Buffer;
  request: SipRequest;
  transport: TransportName;
  address: string;
  port: number;
};

/** Our own place it left from, which is what drachtio-server tells of a request sent. */
export const sentFrom = (ctx: EngineContext, { transport, address }: SentMessage): SentPlace => {
  const own = ctx.transport().localFor(transport, address);
  return { protocol: transport, address: own?.address ?? '', port: own?.port ?? 0 };
};

export type ClientRequestUser = {
  /**
   * The request as it goes to a target, with what names us there. Asked for each target: another transport is another
   * port of ours. A large request that goes by TCP instead of UDP keeps what it was given for UDP, where we listen too.
   */
  addressed?(request: SipRequest, own: OwnAddress): SipRequest;
  /** The message of the first attempt, before it leaves. */
  onSending?(sent: SentMessage): void;
  /** Every response but those of targets given up. */
  onResponse(response: ParsedSip<SipResponse>, flow: Flow): void;
  /** No target answered: 408 for silence, 503 when none could be reached, 487 when cancelled without an answer. */
  onFailure(status: 408 | 487 | 503, reason: string): void;
};

/**
 * One request of ours on its way: resolves its next hop, tries the targets in turn (RFC 3263 4.3) with one client
 * transaction each, and can be cancelled.
 */
export class ClientRequest {
  readonly #ctx: EngineContext;
  /** The request without our Via. */
  readonly #request: SipRequest;
  /** The same as the target being tried gets it. */
  #addressed: SipRequest;
  readonly #path: RequestPath;
  readonly #user: ClientRequestUser;
  readonly #branchSuffix: string;
  readonly #cancelDeadline: Timer;
  #targets: Target[] = [];
  #transaction: ClientTransaction | undefined;
  #branch = '';
  #sent: SentMessage | undefined;
  #provisional = false;
  #finished = false;
  #cancel: 'no' | 'held' | 'sent' = 'no';
  #cancelHeaders: readonly SipHeader[] = [];

  /** @param branchSuffix ends every branch: the proxy's mark against loops. */
  constructor(ctx: EngineContext, request: SipRequest, path: RequestPath, user: ClientRequestUser, branchSuffix = '') {
    this.#ctx = ctx;
    this.#request = request;
    this.#addressed = request;
    this.#path = path;
    this.#user = user;
    this.#branchSuffix = branchSuffix;
    this.#cancelDeadline = new Timer(ctx.clock);
  }

  get finished(): boolean {
    return this.#finished;
  }

  get cancelled(): boolean {
    return this.#cancel !== 'no';
  }

  /** The request as sent, our Via included; undefined until the next hop is resolved. */
  get sent(): SentMessage | undefined {
    return this.#sent;
  }

  /** @returns a sentence when the request cannot be sent at all; nothing is called then. */
  start(): string | undefined {
    const { flow } = this.#path;
    if (flow) {
      const own = this.#ctx.identity.towards(flow.transport, flow.remoteAddress);
      if (!own) return 'requested protocol/transport not available';
      const sent = this.#render(flow.transport, flow.remoteAddress, flow.remotePort, undefined);
      if (!sent) return 'requested protocol/transport not available';
      this.#user.onSending?.(sent);
      const transaction = this.#createTransaction();
      const fallback = this.#ctx.resolve(this.#path.uri);
      this.#ctx.transport().sendOn(flow, sent.bytes, Array.isArray(fallback) ? fallback[0] : undefined);
      transaction.sent(flow, sent.bytes);
      return undefined;
    }
    const resolved = this.#ctx.resolve(this.#path.uri);
    if (typeof resolved === 'string') return resolved;
    if (Array.isArray(resolved)) return this.#begin(resolved);
    resolved.then(
      (targets) => {
        if (this.#finished) return;
        const problem = typeof targets === 'string' ? targets : this.#begin(targets);
        if (problem) this.#failUnsent(problem);
      },
      (error: unknown) => this.#failUnsent(error instanceof Error ? error.message : String(error)),
    );
    return undefined;
  }

  /**
   * Cancels an INVITE; the CANCEL waits for a provisional response if none came yet (RFC 3261 9.1).
   * @returns the CANCEL as it goes to the wire, or undefined when there is nothing to cancel.
   */
  cancel(headers: readonly SipHeader[]): SentMessage | undefined {
    if (this.#finished || this.#cancel !== 'no' || !this.#sent) return undefined;
    this.#cancelHeaders = headers;
    this.#cancel = 'held';
    const request = cancelOf(this.#sent.request, headers);
    if (this.#provisional) this.#sendCancel();
    return { ...this.#sent, request, bytes: serialize(request) };
  }

  /** Gives up without telling anybody. */
  stop(): void {
    this.#finished = true;
    this.#cancelDeadline.stop();
    this.#transaction?.stop();
  }

  #begin(targets: Target[]): string | undefined {
    this.#targets = targets;
    return this.#tryNext();
  }

  /** Starts the next target; a sentence when there is none left to start. */
  #tryNext(): string | undefined {
    for (;;) {
      const target = this.#targets.shift();
      if (!target) return 'requested protocol/transport not available';
      const sent = this.#render(target.transport, target.address, target.port, undefined);
      if (!sent) continue;
      this.#user.onSending?.(sent);
      const transaction = this.#createTransaction();
      let { bytes } = sent;
      const own = this.#ctx.transport().localFor(target.transport, target.address);
      this.#ctx
        .transport()
        .sendRequest(target, (transport, local) => {
          // Usually what was rendered already; another transport or port needs another Via.
          if (transport !== target.transport || local.port !== own?.port || local.address !== own.address) {
            bytes = this.#render(transport, target.address, target.port, local)?.bytes ?? bytes;
          }
          return bytes;
        })
        .then(
          (flow) => transaction.sent(flow, bytes),
          (failure) => transaction.transportError(failure),
        );
      return undefined;
    }
  }

  #render(
    transport: TransportName,
    address: string,
    port: number,
    local: ListenPoint | undefined,
  ): SentMessage | undefined {
    const { identity } = this.#ctx;
    const own = local ? identity.publicOf(local) : identity.towards(transport, address);
    if (!own) return undefined;
    if (!local) {
      this.#branch = newBranch() + this.#branchSuffix;
      this.#addressed = this.#user.addressed?.(this.#request, own) ?? this.#request;
    }
    const via = {
      name: 'Via',
      value: `SIP/2.0/${transport.toUpperCase()} ${hostPort(own)};branch=${this.#branch};rport`,
    };
    const request: SipRequest = { ...this.#addressed, headers: [via, ...this.#addressed.headers] };
    this.#sent = { bytes: serialize(request), request, transport, address, port };
    return this.#sent;
  }

  #createTransaction(): ClientTransaction {
    this.#provisional = false;
    const transaction = this.#ctx.transactions.createClient(
      () => this.#sent?.request ?? this.#request,
      this.#request.method,
      this.#branch,
      {
        onResponse: (response, flow) => this.#onResponse(response, flow),
        onTimeout: () => this.#giveUp(this.cancelled ? 487 : 408, 'no response'),
        onTransportError: (failure) => this.#giveUp(this.cancelled ? 487 : 503, failure.detail),
        onTerminated: () => undefined,
      },
    );
    this.#transaction = transaction;
    return transaction;
  }

  #onResponse(response: ParsedSip<SipResponse>, flow: Flow): void {
    const { status } = response.message;
    if (status < 200) {
      this.#provisional = true;
      if (this.#cancel === 'held') this.#sendCancel();
      this.#user.onResponse(response, flow);
      return;
    }
    if (status === 503 && this.#targets.length > 0 && !this.cancelled && this.#tryNext() === undefined) return;
    this.#finished = true;
    this.#cancelDeadline.stop();
    this.#user.onResponse(response, flow);
  }

  #giveUp(status: 408 | 487 | 503, reason: string): void {
    if (this.#finished) return;
    if (!this.cancelled && this.#targets.length > 0 && this.#tryNext() === undefined) return;
    this.#finished = true;
    this.#cancelDeadline.stop();
    this.#user.onFailure(status, reason);
  }

  /** Resolution failed after `start` returned: the user still sees what would have been sent. */
  #failUnsent(reason: string): void {
    if (this.#finished) return;
    if (!this.#sent) {
      const [local] = this.#ctx.transport().local;
      if (local) {
        const sent = this.#render(local.transport, '', 0, undefined) ?? this.#render(local.transport, '', 0, local);
        if (sent) this.#user.onSending?.(sent);
      }
    }
    this.#giveUp(this.cancelled ? 487 : 503, reason);
  }

  #sendCancel(): void {
    this.#cancel = 'sent';
    const invite = this.#transaction;
    const flow = invite?.flow;
    if (!invite || !flow || !this.#sent) return;
    const bytes = serialize(cancelOf(this.#sent.request, this.#cancelHeaders));
    const ignore = () => undefined;
    const transaction = this.#ctx.transactions.createClient(() => this.#request, 'CANCEL', this.#branch, {
      onResponse: ignore,
      onTimeout: ignore,
      onTransportError: ignore,
      onTerminated: ignore,
    });
    this.#ctx.transport().sendOn(flow, bytes);
    transaction.sent(flow, bytes);
    // A peer that never ends the INVITE is not waited for (9.1).
    this.#cancelDeadline.start(lifetime(this.#ctx.transactions.timers), () => {
      invite.stop();
      this.#giveUp(487, 'no final response after CANCEL');
    });
  }
}
