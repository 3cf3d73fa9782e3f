import { ackOfFailure } from '../compose.js';
import type { EngineClock } from '../engine-clock.js';
import { branchCookie } from '../identifiers.js';
import type { ParsedSip, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { Flow, SendFailure, TransportLayer } from '../transport.js';
import { ClientInvite, type ClientUser } from './client-invite.js';
import { ClientNonInvite } from './client-non-invite.js';
import { ServerTransaction } from './server-transaction.js';
import { rfc3261Timers, type TimerValues } from './timers.js';

/** What the layer above hears of requests and of responses nobody waits for. */
export type TransactionUser = {
  /** A request that no transaction knows, with the transaction made for it. */
  onRequest(transaction: ServerTransaction): void;
  /** A CANCEL and the INVITE transaction it means, if there is one (RFC 3261 9.2). */
  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined): void;
  /** The ACK of a 2xx, its own transaction (13.2.2.4). */
  onAck(ack: ParsedSip<SipRequest>, flow: Flow): void;
};

export type ClientTransaction = ClientInvite | ClientNonInvite;

/** Key of a server transaction (RFC 3261 17.2.3); an ACK and a CANCEL find the INVITE's by naming its method. */
const serverKey = (request: ParsedSip<SipRequest>, method: string): string => {
  const { via } = request;
  const branch = via.params.get('branch') ?? '';
  const sentBy = `${via.host}:${via.port ?? ''}`;
  if (branch.startsWith(branchCookie)) return `${branch}|${sentBy}|${method}`;
  // RFC 2543 clients have no unique branch: everything that stays equal over retransmissions identifies them.
  const { callId, cseq, fromTag, message } = request;
  return `2543|${callId}|${cseq.number}|${fromTag}|${message.uri}|${sentBy}|${branch}|${method}`;
};

/** All transactions of the engine: matches messages to them and makes new ones (RFC 3261 17). */
export class TransactionTable {
  readonly timers: TimerValues;
  readonly #clock: EngineClock;
  readonly #transport: () => TransportLayer;
  readonly #user: TransactionUser;
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #onSettled = (): void => {
    this.#unanswered -= 1;
  };
  #unanswered = 0;
  readonly #clients = new Map<string, ClientTransaction>();
  /** Requests outside dialogs by what stays equal when two forks of one request arrive (8.2.2.2). */
  readonly #merging = new Map<string, ServerTransaction>();

  constructor(options: {
    clock: EngineClock;
    transport: () => TransportLayer;
    user: TransactionUser;
    timers?: TimerValues;
  }) {
    this.#clock = options.clock;
    this.#transport = options.transport;
    this.#user = options.user;
    this.timers = options.timers ?? rfc3261Timers;
  }

  /** Server transactions that wait for their final response; answered ones only linger for repetitions. */
  get unansweredCount(): number {
    return this.#unanswered;
  }

  get serverCount(): number {
    return this.#servers.size;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  receiveResponse(response: ParsedSip<SipResponse>, flow: Flow): void {
    const branch = response.via.params.get('branch') ?? '';
    this.#clients.get(`${branch}|${response.cseq.method}`)?.receive(response, flow);
  }

  receiveRequest(request: ParsedSip<SipRequest>, flow: Flow): void {
    const { method } = request.message;
    if (method === 'ACK') {
      this.#receiveAck(request, flow);
      return;
    }
    const key = serverKey(request, method);
    const known = this.#servers.get(key);
    if (known) {
      known.retransmission();
      return;
    }
    const transaction = new ServerTransaction(
      { clock: this.#clock, timers: this.timers, transport: this.#transport, onSettled: this.#onSettled },
      request,
      flow,
    );
    this.#servers.set(key, transaction);
    this.#unanswered += 1;
    transaction.whenTerminated(() => this.#servers.delete(key));
    if (method === 'CANCEL') this.#user.onCancel(transaction, this.#servers.get(serverKey(request, 'INVITE')));
    else this.#user.onRequest(transaction);
  }

  /** True for the repetition of a request that has a transaction. */
  knows(request: ParsedSip<SipRequest>): boolean {
    return this.#servers.has(serverKey(request, request.message.method));
  }

  /** True when this request came already on another path with another branch (8.2.2.2); remembers it otherwise. */
  isMerged(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    const key = `${request.callId}|${request.fromTag}|${request.cseq.number}|${request.cseq.method}`;
    const first = this.#merging.get(key);
    if (first) return first !== transaction;
    this.#merging.set(key, transaction);
    transaction.whenTerminated(() => this.#merging.delete(key));
    return false;
  }

  /**
   * Makes the client transaction of a request that carries our Via with `branch`. The caller sends the request and calls
   * `sent` or `transportError`.
   */
  createClient(request: () => SipRequest, method: string, branch: string, user: ClientUser): ClientTransaction {
    const key = `${branch}|${method}`;
    const owner: ClientUser = {
      onResponse: (response, flow) => user.onResponse(response, flow),
      onTimeout: () => user.onTimeout(),
      onTransportError: (failure) => user.onTransportError(failure),
      onTerminated: () => {
        this.#clients.delete(key);
        user.onTerminated();
      },
    };
    const env = {
      clock: this.#clock,
      timers: this.timers,
      send: (flow: Flow, bytes: Buffer) => this.#transport().sendOn(flow, bytes),
    };
    const transaction =
      method === 'INVITE'
        ? new ClientInvite(env, owner, (response) => serialize(ackOfFailure(request(), response)))
        : new ClientNonInvite(env, owner);
    this.#clients.set(key, transaction);
    return transaction;
  }

  /** A flow broke: client transactions that wait for an answer on it fail now instead of at their timer (18.4). */
  flowError(flow: Flow, failure: SendFailure): void {
    for (const transaction of [...this.#clients.values()]) {
      const used = transaction.flow;
      if (used && sameFlow(used, flow)) transaction.transportError(failure);
    }
  }

  close(): void {
    for (const transaction of [...this.#clients.values(), ...this.#servers.values()]) transaction.stop();
  }

  #receiveAck(ack: ParsedSip<SipRequest>, flow: Flow): void {
    const invite = this.#servers.get(serverKey(ack, 'INVITE'));
    if (invite && !invite.accepted) invite.ack();
    else this.#user.onAck(ack, flow);
  }
}

const sameFlow = (a: Flow, b: Flow): boolean =>
  a.transport === b.transport &&
  (a.connectionId !== undefined || b.connectionId !== undefined
    ? a.connectionId === b.connectionId
    : a.remotePort === b.remotePort && a.remoteAddress === b.remoteAddress);
