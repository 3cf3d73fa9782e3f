import { emptyBody, field, hasToken } from '../compose.js';
import type { Dialog } from '../dialogs/dialog.js';
import { contactUri, dialogOfResponse } from '../dialogs/make-dialog.js';
import { onInviteAnswered, retryInterval } from '../dialogs/session-timer.js';
import type { Owner } from '../drachtio/application.js';
import { answerLeader, forApplication, networkLeader, requestSentTokens, timeOfDay } from '../drachtio/deliveries.js';
import { newId } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import { lifetime, Timer } from '../transactions/timers.js';
import type { Flow } from '../transport.js';
import type { SentMessage } from './attempt.js';
import { ClientRequest, type RequestPath, sentFrom } from './client-request.js';
import type { EngineContext } from './context.js';
import { endDialog, sendAck, sendOwnRequest } from './dialog-requests.js';
import { withOurAddress } from './identity.js';

export type OutgoingInit = {
  owner: Owner;
  /** Frame id of the application's command, answered when the message is ready to leave. */
  commandId: string;
  request: SipRequest;
  path: RequestPath;
  /** The dialog it is sent in. */
  dialog: Dialog | undefined;
  /** Name of the dialog for the application; empty when the request makes none and is in none. */
  dialogId: string;
};

/** Reliable provisional responses of one early dialog that the application still has to PRACK. */
type PendingPrack = { dialog: Dialog; rseq: number; cseq: number };

/** A request an application sent: its responses go to the application, its dialogs are made here (UAC). */
export class OutgoingRequest {
  readonly id = newId();
  readonly method: string;
  readonly owner: Owner;
  readonly dialogId: string;
  readonly dialog: Dialog | undefined;
  readonly pendingPracks: PendingPrack[] = [];
  readonly #ctx: EngineContext;
  readonly #init: OutgoingInit;
  readonly #onEnd: (request: OutgoingRequest) => void;
  /** By To tag; those of a call that was answered have ended and lend their numbers to what follows them. */
  readonly #early = new Map<string, Dialog>();
  /** Other places that answered, by To tag. */
  readonly #refused = new Map<string, Dialog>();
  readonly #lastRSeq = new Map<string, number>();
  readonly #ackDeadline: Timer;
  #request: SipRequest;
  #client: ClientRequest;
  #echoed = false;
  #confirmed: Dialog | undefined;
  #intervalRetries = 0;

  constructor(ctx: EngineContext, init: OutgoingInit, onEnd: (request: OutgoingRequest) => void) {
    this.#ctx = ctx;
    this.#init = init;
    this.#onEnd = onEnd;
    this.#request = init.request;
    this.method = init.request.method;
    this.owner = init.owner;
    this.dialog = init.dialog;
    this.dialogId = init.dialogId;
    this.#ackDeadline = new Timer(ctx.clock);
    this.#client = this.#createClient();
  }

  /** @returns a sentence when the request cannot be sent. */
  start(): string | undefined {
    const { dialog } = this;
    if (dialog && this.method === 'INVITE') dialog.outgoingInvite = true;
    const problem = this.#client.start();
    if (problem !== undefined && dialog && this.method === 'INVITE') dialog.outgoingInvite = false;
    return problem;
  }

  /** Cancels the INVITE; undefined when it is too late for that. */
  cancel(headers: readonly SipHeader[]): SentMessage | undefined {
    return this.method === 'INVITE' ? this.#client.cancel(headers) : undefined;
  }

  /** The application that sent this is gone for good. */
  abandon(): void {
    if (this.method === 'INVITE' && !this.#client.finished) this.#client.cancel([]);
  }

  earlyDialog(remoteTag: string): Dialog | undefined {
    return this.#early.get(remoteTag);
  }

  get request(): SipRequest {
    return this.#request;
  }

  get localTag(): string {
    return /;\s*tag=([^;\s]+)/.exec(field(this.#request, 'From') ?? '')?.[1] ?? '';
  }

  get callId(): string {
    return field(this.#request, 'Call-ID') ?? '';
  }

  #createClient(): ClientRequest {
    return new ClientRequest(this.#ctx, this.#request, this.#init.path, {
      // In a dialog both sides' names are settled, and a peer may well be called `localhost`.
      ...(this.dialog ? {} : { addressed: withOurAddress }),
      onSending: (sent) => this.#echo(sent),
      onResponse: (response, flow) => this.#onResponse(response, flow),
      onLateAnswer: (response, flow) => this.#onLateAnswer(response, flow),
      onFailure: (status, reason) => this.#onFailure(status, reason),
    });
  }

  #echo(sent: SentMessage): void {
    if (this.#echoed) return;
    this.#echoed = true;
    const tokens = requestSentTokens(sent.bytes.length, sentFrom(this.#ctx, sent), timeOfDay(this.#ctx.clock), this.id);
    this.owner.send(answerLeader(this.#init.commandId, tokens), forApplication(sent.request, sent.bytes));
    if (this.method === 'INVITE' && !this.dialog) this.#ctx.cdr.attempt('application', () => sent.bytes);
  }

  #onResponse(response: ParsedSip<SipResponse>, flow: Flow): void {
    const { status } = response.message;
    if (status === 100) return;
    if (status < 200) {
      if (this.method === 'INVITE' && !this.dialog && !this.#onProvisional(response, flow)) return;
      this.#deliver(response, flow);
      return;
    }
    if (status < 300) this.#onSuccess(response, flow);
    else this.#onRejected(response, flow);
  }

  /** @returns false for a reliable provisional that came before. */
  #onProvisional(response: ParsedSip<SipResponse>, flow: Flow): boolean {
    if (response.toTag === '') return true;
    let dialog = this.#early.get(response.toTag);
    if (!dialog) {
      dialog = this.#makeDialog(response, flow);
      this.#early.set(response.toTag, dialog);
    } else {
      const contact = contactUri(response.message);
      if (contact !== undefined) dialog.refreshTarget(contact);
    }
    const rseq = Number(field(response.message, 'RSeq'));
    if (!hasToken(response.message, 'Require', '100rel') || !Number.isInteger(rseq) || rseq <= 0) return true;
    const last = this.#lastRSeq.get(response.toTag);
    // A repetition, or one whose predecessor is missing, must not be acknowledged (RFC 3262 section 4).
    if (last !== undefined && rseq !== last + 1) return false;
    this.#lastRSeq.set(response.toTag, rseq);
    this.pendingPracks.push({ dialog, rseq, cseq: response.cseq.number });
    return true;
  }

  #makeDialog(response: ParsedSip<SipResponse>, flow: Flow): Dialog {
    const dialog = this.#dialogOf(response, flow);
    dialog.inviteTransactionId = this.id;
    if (this.#request.body.length > 0) dialog.localSdp = this.#request.body;
    this.#ctx.dialogs.add(dialog);
    return dialog;
  }

  #dialogOf(response: ParsedSip<SipResponse>, flow: Flow): Dialog {
    const sent = this.#client.sent?.request ?? this.#request;
    const dialog = dialogOfResponse(sent, response, {
      clock: this.#ctx.clock,
      id: this.dialogId,
      owner: this.owner,
      flow,
      localContact: field(sent, 'Contact') ?? '',
    });
    const early = this.#early.get(response.toTag);
    if (early) {
      // PRACKs of ours and requests of the peer have counted on since the INVITE (RFC 3261 12.2.1.1).
      dialog.localSeq = Math.max(dialog.localSeq, early.localSeq);
      dialog.remoteSeq = early.remoteSeq;
    }
    return dialog;
  }

  #onSuccess(response: ParsedSip<SipResponse>, flow: Flow): void {
    if (this.method === 'INVITE') {
      if (this.dialog) this.#onReinviteAccepted(this.dialog, response, flow);
      else this.#onInviteAccepted(response, flow);
      return;
    }
    if (this.dialog) {
      if (this.method === 'BYE') {
        this.dialog.terminate();
        this.#ctx.cdr.stop('application', 'normal-release', () => this.#client.sent?.bytes ?? emptyBody);
      } else if (this.method === 'UPDATE' || this.method === 'SUBSCRIBE') {
        const contact = contactUri(response.message);
        if (contact !== undefined) this.dialog.refreshTarget(contact);
        if (this.method === 'UPDATE') onInviteAnswered(this.#ctx, this.dialog, this.#request, response.message, 'uac');
      }
    } else if ((this.method === 'SUBSCRIBE' || this.method === 'REFER') && response.toTag !== '') {
      this.confirmDialog(response, flow);
    }
    this.#deliver(response, flow);
    this.#end();
  }

  /** Makes or confirms the dialog with the peer of a 2xx, or of a NOTIFY that came before it. */
  confirmDialog(response: ParsedSip<SipResponse>, flow: Flow): Dialog {
    const known = this.#ctx.dialogs.find(response.callId, response.fromTag, response.toTag);
    const dialog = known ?? this.#makeDialog(response, flow);
    dialog.state = 'confirmed';
    this.#ctx.dialogs.prefer(dialog);
    return dialog;
  }

  #onInviteAccepted(response: ParsedSip<SipResponse>, flow: Flow): void {
    const confirmed = this.#confirmed;
    if (confirmed) {
      if (confirmed.remoteTag === response.toTag) {
        if (confirmed.lastAck?.seq === response.cseq.number) confirmed.lastAck.resend();
      } else this.#refuseFork(response, flow);
      return;
    }
    // Kept, for what has been counted in them.
    for (const early of this.#early.values()) early.terminate();
    const dialog = this.#makeDialog(response, flow);
    dialog.state = 'confirmed';
    this.#confirmed = dialog;
    this.#ctx.dialogs.prefer(dialog);
    onInviteAnswered(this.#ctx, dialog, this.#request, response.message, 'uac');
    this.#ctx.cdr.start('network', 'uac', () => serialize(response.message));
    this.#awaitApplicationAck(dialog, response.cseq.number);
    this.#deliver(response, flow);
    this.#end();
  }

  #onReinviteAccepted(dialog: Dialog, response: ParsedSip<SipResponse>, flow: Flow): void {
    const seq = response.cseq.number;
    if (this.#confirmed) {
      if (dialog.lastAck?.seq === seq) dialog.lastAck.resend();
      return;
    }
    this.#confirmed = dialog;
    dialog.outgoingInvite = false;
    dialog.refreshTarget(contactUri(response.message));
    if (this.#request.body.length > 0) dialog.localSdp = this.#request.body;
    onInviteAnswered(this.#ctx, dialog, this.#request, response.message, 'uac');
    this.#awaitApplicationAck(dialog, seq);
    this.#deliver(response, flow);
    this.#end();
  }

  /** The application must ACK a 2xx; one that does not loses the call, as the peer would otherwise repeat its 2xx. */
  #awaitApplicationAck(dialog: Dialog, seq: number): void {
    dialog.awaitedAck = {
      seq,
      cancelled: this.#client.cancelled,
      credentials: this.#request.headers.filter((h) => h.name === 'Authorization' || h.name === 'Proxy-Authorization'),
    };
    this.#ackDeadline.start(this.#client.cancelled ? lateAnswerGrace : lifetime(this.#ctx.transactions.timers), () => {
      if (dialog.state === 'terminated' || dialog.awaitedAck?.seq !== seq) return;
      dialog.awaitedAck = undefined;
      sendAck(this.#ctx, dialog, seq, [], emptyBody);
      endDialog(this.#ctx, dialog, 'no ACK from the application', 'system-initiated-termination');
    });
    dialog.whenTerminated(() => this.#ackDeadline.stop());
  }

  /** A target that was given up for its silence has answered after all. */
  #onLateAnswer(response: ParsedSip<SipResponse>, flow: Flow): void {
    const { dialog } = this;
    const seq = response.cseq.number;
    if (!dialog) this.#refuseFork(response, flow);
    else if (dialog.lastAck?.seq === seq) dialog.lastAck.resend();
    else sendAck(this.#ctx, dialog, seq, [], emptyBody);
  }

  /** A 2xx of another fork after the first: acknowledged and hung up at once (RFC 3261 13.2.2.4). */
  #refuseFork(response: ParsedSip<SipResponse>, flow: Flow): void {
    const key = response.toTag;
    const known = this.#refused.get(key);
    if (known) {
      known.lastAck?.resend();
      return;
    }
    const fork = this.#dialogOf(response, flow);
    this.#refused.set(key, fork);
    sendAck(this.#ctx, fork, response.cseq.number, [], emptyBody);
    sendOwnRequest(this.#ctx, fork, 'BYE', {
      headers: [{ name: 'Reason', value: 'SIP;cause=200;text="answered by another fork"' }],
    });
    this.#ctx.log('info', { callId: response.callId, toTag: key }, 'another place answered too: ACK and BYE sent');
  }

  #onRejected(response: ParsedSip<SipResponse>, flow: Flow): void {
    if (this.#retryWithLongerInterval(response)) return;
    this.#endEarlyDialogs();
    const { dialog } = this;
    const { status } = response.message;
    if (dialog) {
      if (this.method === 'INVITE') dialog.outgoingInvite = false;
      // The peer does not know the dialog, or is not there any more (12.2.1.2). A challenged BYE comes again.
      if (status === 481 || status === 408 || (this.method === 'BYE' && status !== 401 && status !== 407)) {
        dialog.terminate();
      }
    } else if (this.method === 'INVITE') {
      const reason = status === 487 ? 'call-canceled' : 'call-rejected';
      this.#ctx.cdr.stop('network', reason, () => serialize(response.message));
    }
    this.#deliver(response, flow);
    this.#end();
  }

  /** 422: asks again with the interval the peer wants, unknown to the application (RFC 4028 section 7.3). */
  #retryWithLongerInterval(response: ParsedSip<SipResponse>): boolean {
    const interval = retryInterval(this.#request, response.message);
    if (interval === undefined || this.#intervalRetries++ >= 3 || this.#client.cancelled) return false;
    const seq = this.dialog ? ++this.dialog.localSeq : response.cseq.number + 1;
    const headers = this.#request.headers.map((header) => {
      if (header.name === 'CSeq') return { name: 'CSeq', value: `${seq} ${this.method}` };
      if (header.name === 'Session-Expires') {
        return { name: header.name, value: header.value.replace(/^\d+/, String(interval)) };
      }
      return header;
    });
    this.#request = {
      ...this.#request,
      headers: [...headers.filter((h) => h.name !== 'Min-SE'), { name: 'Min-SE', value: String(interval) }],
    };
    this.#client = this.#createClient();
    return this.#client.start() === undefined;
  }

  #onFailure(status: 408 | 487 | 503, reason: string): void {
    const phrases = { 408: 'Request Timeout', 487: 'Request Terminated', 503: 'Service Unavailable' };
    this.#ctx.log('info', { method: this.method, status, reason }, 'request of an application got no answer');
    this.#endEarlyDialogs();
    const { dialog } = this;
    if (dialog && this.method === 'INVITE') dialog.outgoingInvite = false;
    if (dialog && (status === 408 || this.method === 'BYE')) dialog.terminate();
    const sent = this.#client.sent?.request ?? this.#request;
    const headers = sent.headers.filter((h) => ['From', 'To', 'Call-ID', 'CSeq'].includes(h.name));
    const response: SipResponse = { kind: 'response', status, reason: phrases[status], headers, body: emptyBody };
    const bytes = serialize(response);
    if (this.method === 'INVITE' && !dialog) {
      this.#ctx.cdr.stop('application', status === 487 ? 'call-canceled' : 'call-rejected', () => bytes);
    }
    this.owner.send(this.#leader(0, undefined), bytes);
    this.#end();
  }

  #endEarlyDialogs(): void {
    for (const dialog of this.#early.values()) dialog.terminate();
    this.#early.clear();
  }

  #deliver(response: ParsedSip<SipResponse>, flow: Flow): void {
    const bytes = serialize(response.message);
    this.owner.send(this.#leader(bytes.length, flow), forApplication(response.message, bytes));
  }

  #leader(bytes: number, flow: Flow | undefined): string {
    return networkLeader({
      bytes,
      flow,
      time: timeOfDay(this.#ctx.clock),
      transactionId: this.id,
      dialogId: this.dialogId,
    });
  }

  #end(): void {
    this.#onEnd(this);
  }
}

/** How long the application may take to ACK a 2xx that crossed its CANCEL before the engine does it, ms. */
const lateAnswerGrace = 2_000;
