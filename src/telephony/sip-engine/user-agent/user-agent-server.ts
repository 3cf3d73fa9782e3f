import { field, responseTo } from '../compose.js';
import type { Dialog } from '../dialogs/dialog.js';
import { smallestInterval, tooSmall } from '../dialogs/session-timer.js';
import type { AppMessage } from '../drachtio/app-message.js';
import { Owner } from '../drachtio/application.js';
import type { ProxyCommand } from '../drachtio/commands.js';
import { answerLeader, forApplication, networkLeader, timeOfDay } from '../drachtio/deliveries.js';
import type { OutboundRouting, Routed } from '../drachtio/outbound.js';
import { newTag } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest } from '../message.js';
import { cameThroughUs } from '../proxy/forwarding.js';
import { serialize } from '../serializer.js';
import type { ServerTransaction } from '../transactions/server-transaction.js';
import type { TransactionUser } from '../transactions/table.js';
import type { Flow } from '../transport.js';
import { needsDialog, refusalOf } from './admission.js';
import type { EngineContext } from './context.js';
import { IncomingRequest } from './incoming-request.js';

/** What the proxy takes over from the user agent. */
export type ProxySide = {
  /** Forwards a request of a dialog we proxied the INVITE of; false when we did not. */
  forwardInDialog(transaction: ServerTransaction): boolean;
  forwardAck(ack: ParsedSip<SipRequest>, flow: Flow): boolean;
  /** Cancels an INVITE it forwarded in a dialog; false when it is none of its own. */
  cancel(invite: ServerTransaction, headers: readonly SipHeader[]): boolean;
};

/** Request handlers and what they need of the proxy. */
export type Routing = {
  outbound: OutboundRouting;
  startProxy(incoming: IncomingRequest, command: Omit<ProxyCommand, 'transactionId'>): void;
};

/** How long an application may leave a request without any answer, ms. */
const applicationPatience = 64_000;
const sweepInterval = 5_000;

/** Requests from the network: what is answered here, what goes to which application, and the applications' answers. */
export class UserAgentServer implements TransactionUser {
  readonly #ctx: EngineContext;
  readonly #proxy: () => ProxySide;
  readonly #pending = new Map<string, IncomingRequest>();
  readonly #byTransaction = new Map<ServerTransaction, IncomingRequest>();
  /** A NOTIFY for a subscription whose answer is still on its way makes the dialog (RFC 6665 4.1.2.4). */
  readonly #adoptNotify: (transaction: ServerTransaction) => Dialog | undefined;
  readonly #routing: Routing | undefined;
  /** Requests a request handler has not decided about yet. */
  readonly #undecided = new Set<ServerTransaction>();
  #sweep: { cancel(): void };

  constructor(
    ctx: EngineContext,
    proxy: () => ProxySide,
    adoptNotify: (transaction: ServerTransaction) => Dialog | undefined,
    routing?: Routing,
  ) {
    this.#routing = routing;
    this.#ctx = ctx;
    this.#proxy = proxy;
    this.#adoptNotify = adoptNotify;
    this.#sweep = ctx.clock.after(sweepInterval, () => this.#sweepOld());
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  close(): void {
    this.#sweep.cancel();
  }

  byId(transactionId: string): IncomingRequest | undefined {
    return this.#pending.get(transactionId);
  }

  onRequest(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { method } = request.message;
    const refusal = refusalOf(request);
    if (refusal) {
      this.#refuse(transaction, refusal.status, refusal.headers, refusal.reason);
      return;
    }
    if (tooSmall(request.message, this.#minimumInterval()) && (method === 'INVITE' || method === 'UPDATE')) {
      this.#refuse(transaction, 422, [{ name: 'Min-SE', value: String(this.#minimumInterval()) }]);
      return;
    }
    if (request.toTag !== '') this.#inDialog(transaction);
    else if (needsDialog.has(method)) this.#refuse(transaction, 481);
    else this.#outsideDialog(transaction);
  }

  onCancel(cancel: ServerTransaction, invite: ServerTransaction | undefined): void {
    const incoming = invite && this.#byTransaction.get(invite);
    if (invite && this.#undecided.has(invite)) {
      cancel.respond(responseTo(cancel.request, 200, { toTag: newTag() }));
      this.#refuse(invite, 487);
      return;
    }
    if (!invite || !incoming) {
      if (invite && this.#proxy().cancel(invite, reasonOf(cancel.request.message))) {
        cancel.respond(responseTo(cancel.request, 200, { toTag: newTag() }));
      } else this.#refuse(cancel, 481);
      return;
    }
    cancel.respond(responseTo(cancel.request, 200, { toTag: incoming.toTag }));
    if (!invite.pending) return;
    if (incoming.proxied) {
      incoming.proxied.cancel(reasonOf(cancel.request.message));
      return;
    }
    incoming.reject(487);
    const { message } = cancel.request;
    const bytes = serialize(message);
    incoming.owner.send(
      networkLeader({
        bytes: bytes.length,
        flow: cancel.flow,
        time: timeOfDay(this.#ctx.clock),
        transactionId: incoming.id,
        dialogId: incoming.inDialog ? incoming.dialogId : '',
      }),
      forApplication(message, bytes),
    );
  }

  onAck(ack: ParsedSip<SipRequest>, flow: Flow): void {
    const dialog = this.#ctx.dialogs.find(ack.callId, ack.toTag, ack.fromTag);
    if (!dialog) {
      this.#proxy().forwardAck(ack, flow);
      return;
    }
    // An ACK that comes again, because our repeated 2xx crossed it, is of no interest to the application.
    if (dialog.ackSeq !== ack.cseq.number) return;
    dialog.ackSeq = undefined;
    dialog.stopWaitingForAck();
    const bytes = serialize(ack.message);
    dialog.owner.send(
      networkLeader({
        bytes: bytes.length,
        flow,
        hideProtocol: true,
        time: timeOfDay(this.#ctx.clock),
        transactionId: dialog.inviteTransactionId,
        dialogId: dialog.id,
      }),
      forApplication(ack.message, bytes),
    );
  }

  /** A response an application wrote. */
  respond(owner: Owner, commandId: string, transactionId: string, message: AppMessage): void {
    const incoming = this.#pending.get(transactionId);
    if (incoming) incoming.respond(commandId, message);
    else owner.send(answerLeader(commandId, 'NOK', 'Response not sent due to unknown transaction'));
  }

  /**
   * The connection of an application is gone, and with it the objects that would have answered what it was given: new
   * calls may be tried again elsewhere, a BYE is a BYE anyway.
   */
  onApplicationGone(owners: readonly Owner[]): void {
    for (const incoming of [...this.#pending.values()]) {
      if (!owners.includes(incoming.owner) || !incoming.transaction.pending || incoming.proxied) continue;
      if (incoming.method === 'BYE') incoming.reject(200);
      else incoming.reject(incoming.inDialog ? 500 : 503, [{ name: 'Retry-After', value: '2' }]);
    }
  }

  #minimumInterval(): number {
    return Math.max(smallestInterval, this.#ctx.options.minSessionExpires ?? smallestInterval);
  }

  #inDialog(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { method } = request.message;
    const dialog =
      this.#ctx.dialogs.find(request.callId, request.toTag, request.fromTag) ??
      (method === 'NOTIFY' ? this.#adoptNotify(transaction) : undefined);
    if (!dialog) {
      if (!this.#proxy().forwardInDialog(transaction)) this.#refuse(transaction, 481);
      return;
    }
    if (this.#ctx.options.forgetDialogs === true && dialog.owner.application === undefined) {
      if (method === 'BYE') dialog.terminate();
      this.#refuse(transaction, 481);
      return;
    }
    if (!dialog.acceptSeq(request)) {
      this.#refuse(transaction, 500, [{ name: 'Retry-After', value: '1' }], 'CSeq out of order');
      return;
    }
    dialog.flow = transaction.flow;
    if (method === 'INVITE' && this.#refuseOverlap(transaction, dialog)) return;
    if (method === 'PRACK') {
      this.#onPrack(transaction, dialog);
      return;
    }
    const incoming = this.#track(transaction, dialog.owner, dialog);
    if (method === 'INVITE') {
      dialog.openInvite = incoming;
      transaction.sayTrying();
    } else if (method === 'BYE') this.#onBye(incoming, dialog);
    incoming.deliver();
  }

  /** Two INVITEs at once in one dialog (RFC 3261 14.2). */
  #refuseOverlap(transaction: ServerTransaction, dialog: Dialog): boolean {
    if (dialog.openInvite !== undefined) {
      const wait = String(Math.floor((this.#ctx.clock.now() % 10_000) / 1000));
      this.#refuse(transaction, 500, [{ name: 'Retry-After', value: wait }]);
      return true;
    }
    if (dialog.outgoingInvite) {
      this.#refuse(transaction, 491);
      return true;
    }
    return false;
  }

  /** The dialog is over at once; the application only answers. INVITEs still open in it get 487 (15.1.2). */
  #onBye(bye: IncomingRequest, dialog: Dialog): void {
    dialog.openInvite?.reject(487);
    dialog.terminate();
    this.#ctx.cdr.stop('network', 'normal-release', () => serialize(bye.request.message));
  }

  #onPrack(transaction: ServerTransaction, dialog: Dialog): void {
    const { message } = transaction.request;
    const reliable = dialog.openInvite?.acknowledge(field(message, 'RAck'));
    if (!reliable) {
      this.#refuse(transaction, 481);
      return;
    }
    this.#track(transaction, dialog.owner, dialog).deliver();
    reliable.release();
  }

  #outsideDialog(transaction: ServerTransaction): void {
    const { request } = transaction;
    const { method } = request.message;
    if (this.#ctx.transactions.isMerged(transaction) && !cameThroughUs(request, this.#ctx.identity)) {
      this.#refuse(transaction, 482);
      return;
    }
    const handler = this.#routing?.outbound.handlerFor(method);
    if (this.#routing && handler) {
      if (method === 'INVITE') transaction.sayTrying();
      this.#undecided.add(transaction);
      const { outbound } = this.#routing;
      void outbound.route(handler, transaction).then((routed) => {
        this.#undecided.delete(transaction);
        if (transaction.pending) this.#follow(transaction, routed);
      });
      return;
    }
    const owner = this.#ctx.applications.select(method.toLowerCase());
    if (!owner) {
      if (method === 'REFER') this.#refuse(transaction, 405, [this.#allow()]);
      else this.#refuse(transaction, 503, [{ name: 'Retry-After', value: '5' }]);
      return;
    }
    if (method === 'INVITE') transaction.sayTrying();
    this.#handOver(transaction, owner);
  }

  #handOver(transaction: ServerTransaction, owner: Owner): void {
    const incoming = this.#track(transaction, owner, undefined);
    if (incoming.method === 'INVITE') {
      this.#ctx.cdr.attempt('network', () => serialize(transaction.request.message));
    }
    incoming.deliver();
  }

  /** Does what a request handler decided. */
  #follow(transaction: ServerTransaction, routed: Routed): void {
    switch (routed.kind) {
      case 'application':
        this.#handOver(transaction, routed.owner);
        return;
      case 'refuse': {
        const contact = routed.contact === undefined ? [] : [{ name: 'Contact', value: routed.contact }];
        this.#refuse(transaction, routed.status, contact, routed.reason);
        return;
      }
      case 'proxy':
        this.#routing?.startProxy(this.#track(transaction, new Owner(), undefined), routed.command);
        return;
    }
  }

  #allow(): SipHeader {
    const methods = new Set(['INVITE', 'ACK', 'CANCEL', 'BYE', 'PRACK', 'UPDATE']);
    for (const method of this.#ctx.applications.registeredMethods()) methods.add(method);
    return { name: 'Allow', value: [...methods].join(', ') };
  }

  #track(transaction: ServerTransaction, owner: Owner, dialog: Dialog | undefined): IncomingRequest {
    const incoming = new IncomingRequest(this.#ctx, transaction, owner, dialog);
    this.#pending.set(incoming.id, incoming);
    this.#byTransaction.set(transaction, incoming);
    transaction.whenTerminated(() => {
      this.#pending.delete(incoming.id);
      this.#byTransaction.delete(transaction);
    });
    return incoming;
  }

  #refuse(transaction: ServerTransaction, status: number, headers: readonly SipHeader[] = [], reason?: string): void {
    const response = responseTo(transaction.request, status, {
      toTag: newTag(),
      headers,
      ...(reason === undefined ? {} : { reason }),
    });
    transaction.respond(response);
    const { callId, message, toTag } = transaction.request;
    const { remoteAddress, remotePort } = transaction.flow;
    const because = headers.map(({ name, value }) => `${name}: ${value}`).join(', ');
    // A call that was turned away is what an operator looks for; the rest is the protocol at work.
    const turnedAway = message.method === 'INVITE' && toTag === '' && status !== 487;
    this.#ctx.log(
      turnedAway ? 'warn' : 'info',
      {
        ...{ callId, method: message.method, status, source: `${remoteAddress}:${remotePort}` },
        rule: because === '' ? response.reason : `${response.reason} (${because})`,
      },
      'request refused by the engine',
    );
  }

  /** Requests an application never answered would stay for ever: INVITEs get 408, others end in silence (RFC 4320). */
  #sweepOld(): void {
    const limit = this.#ctx.clock.now() - applicationPatience;
    for (const incoming of this.#pending.values()) {
      if (incoming.receivedAt > limit) continue;
      if (incoming.answered || incoming.proxied || !incoming.transaction.pending) continue;
      if (incoming.method === 'INVITE') incoming.reject(408);
      else incoming.transaction.stop();
    }
    this.#sweep = this.#ctx.clock.after(sweepInterval, () => this.#sweepOld());
  }
}

const reasonOf = (message: SipRequest): SipHeader[] => message.headers.filter((h) => h.name === 'Reason');
