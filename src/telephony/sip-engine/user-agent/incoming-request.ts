import { field, hasToken, responseTo } from '../compose.js';
import type { Dialog, OpenInvite } from '../dialogs/dialog.js';
import { dialogIdOf } from '../dialogs/dialog-table.js';
import { contactUri, dialogOfRequest } from '../dialogs/make-dialog.js';
import { answerHeaders, onInviteAnswered } from '../dialogs/session-timer.js';
import type { AppMessage } from '../drachtio/app-message.js';
import type { Owner } from '../drachtio/application.js';
import { answerLeader, forApplication, networkLeader, responseSentTokens, timeOfDay } from '../drachtio/deliveries.js';
import { newId, newTag } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { ServerTransaction } from '../transactions/server-transaction.js';
import { lifetime } from '../transactions/timers.js';
import { formatHost } from '../uri.js';
import type { EngineContext } from './context.js';
import { endDialog } from './dialog-requests.js';
import { bracketAddresses, defaultContact, type OwnAddress, substituteLocalhost } from './identity.js';
import { ReliableProvisionals } from './reliable-provisional.js';

/** Fields of a response that the engine writes itself, whatever the application says. */
const ownFields = new Set(['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Route', 'Record-Route', 'RSeq', 'Content-Length']);

const dialogMaking = new Set(['INVITE', 'SUBSCRIBE', 'REFER']);

/** A request from the network that an application answers (UAS). */
export class IncomingRequest implements OpenInvite {
  readonly id = newId();
  readonly transaction: ServerTransaction;
  readonly request: ParsedSip<SipRequest>;
  readonly method: string;
  readonly owner: Owner;
  /** The application's name of the dialog it is in or makes. */
  readonly dialogId: string;
  /** True for requests inside a dialog. */
  readonly inDialog: boolean;
  readonly receivedAt: number;
  dialog: Dialog | undefined;
  reliable: ReliableProvisionals | undefined;
  /** Set when the application handed the request to the proxy. */
  proxied: { cancel(headers: readonly SipHeader[]): void } | undefined;
  answered = false;
  #toTag: string;
  readonly #ctx: EngineContext;

  constructor(ctx: EngineContext, transaction: ServerTransaction, owner: Owner, dialog: Dialog | undefined) {
    this.#ctx = ctx;
    this.transaction = transaction;
    this.request = transaction.request;
    this.method = transaction.request.message.method;
    this.owner = owner;
    this.dialog = dialog;
    this.inDialog = dialog !== undefined;
    this.receivedAt = ctx.clock.now();
    this.#toTag = dialog ? this.request.toTag : '';
    this.dialogId = dialog ? dialog.id : this.#newDialogId();
  }

  get toTag(): string {
    if (this.#toTag === '') this.#toTag = newTag();
    return this.#toTag;
  }

  /** Hands the request to its application. */
  deliver(): void {
    const { message } = this.request;
    const bytes = serialize(message);
    const { flow } = this.transaction;
    this.owner.send(
      networkLeader({
        bytes: bytes.length,
        flow,
        time: timeOfDay(this.#ctx.clock),
        transactionId: this.id,
        dialogId: this.inDialog ? this.dialogId : '',
        ...(this.inDialog ? {} : { receivedOn: `${formatHost(flow.localAddress)}|${flow.localPort}` }),
      }),
      forApplication(message, bytes),
    );
  }

  /** Sends a response an application wrote and answers its command. */
  respond(commandId: string, app: AppMessage): void {
    if (app.start.kind !== 'response') return;
    const { status } = app.start;
    if (!this.transaction.pending || this.proxied) {
      this.#refuse(commandId, 'Response not sent due to unknown transaction');
      return;
    }
    if (status < 100 || status > 699) {
      this.#refuse(commandId, `invalid status ${status}`);
      return;
    }
    const reliable = this.#mustBeReliable(status, app);
    if (reliable === 'unsupported') {
      this.#refuse(commandId, 'Remote endpoint does not support 100rel');
      return;
    }
    this.answered = true;
    if (reliable) {
      this.reliable ??= this.#createReliable();
      this.reliable.after(() => this.#send(commandId, app, true));
    } else if (status >= 200 && status < 300 && this.reliable?.holdsAnswer) {
      this.reliable.after(() => this.#send(commandId, app, false));
    } else this.#send(commandId, app, false);
  }

  /** Answers without the application: refusals, 487 of a CANCEL, what is said when the application is gone. */
  reject(status: number, headers: readonly SipHeader[] = [], reason?: string): void {
    if (!this.transaction.pending) return;
    this.answered = true;
    const response = responseTo(this.request, status, {
      toTag: this.toTag,
      headers,
      ...(reason === undefined ? {} : { reason }),
    });
    if (this.transaction.respond(response)) this.#afterResponse(response, undefined);
  }

  /** Takes in the PRACK of a reliable provisional; undefined when none of ours waits for it. */
  acknowledge(rack: string | undefined): { release(): void } | undefined {
    const { reliable } = this;
    return reliable?.acknowledge(rack, this.request.cseq.number) ? reliable : undefined;
  }

  #newDialogId(): string {
    const id = dialogIdOf(this.request.callId, this.request.fromTag);
    // A call to ourselves: the other side of the same dialog is here too and had the name first.
    return this.#ctx.dialogs.isNameTaken(id) ? `${id};to-side` : id;
  }

  #refuse(commandId: string, sentence: string): void {
    this.owner.send(answerLeader(commandId, 'NOK', sentence));
  }

  /** Whether a response must be sent reliably (RFC 3262 section 3); the peer may insist, or not be able to. */
  #mustBeReliable(status: number, app: AppMessage): boolean | 'unsupported' {
    if (this.method !== 'INVITE' || status <= 100 || status >= 200 || this.inDialog) return false;
    const { message } = this.request;
    const required = hasToken(message, 'Require', '100rel');
    const wanted = app.headers.some((h) => h.name === 'Require' && /(^|,)\s*100rel\s*(,|$)/i.test(h.value));
    if (wanted && !required && !hasToken(message, 'Supported', '100rel')) return 'unsupported';
    return wanted || required;
  }

  #createReliable(): ReliableProvisionals {
    return new ReliableProvisionals(
      this.#ctx,
      (bytes) => this.transaction.respondAgain(180, bytes),
      () => {
        this.#ctx.log('warn', { callId: this.request.callId }, 'no PRACK for a reliable provisional: INVITE refused');
        this.reject(504, [], 'No PRACK received');
      },
    );
  }

  #send(commandId: string, app: AppMessage, reliable: boolean): void {
    if (app.start.kind !== 'response') return;
    if (!this.transaction.pending) {
      this.#refuse(commandId, 'Response not sent due to unknown transaction');
      return;
    }
    const { status } = app.start;
    this.#adoptTag(app);
    const { flow } = this.transaction;
    const own = this.#ctx.identity.towards(flow.transport, flow.remoteAddress);
    const built = this.#build(app, status, own, reliable);
    if (typeof built === 'string') {
      this.#refuse(commandId, built);
      return;
    }
    const { response, rseq } = built;
    const bytes = this.transaction.respond(response);
    if (!bytes) {
      this.#refuse(commandId, 'Response not sent due to unknown transaction');
      return;
    }
    if (rseq !== undefined) this.reliable?.sent(rseq, bytes, response.body.length > 0);
    this.#afterResponse(response, bytes);
    const named = this.inDialog ? this.method !== 'BYE' : this.method === 'INVITE' || this.method === 'SUBSCRIBE';
    const tokens = responseSentTokens(
      bytes.length,
      { protocol: flow.transport, address: flow.remoteAddress, port: flow.remotePort },
      timeOfDay(this.#ctx.clock),
      this.id,
      named || this.dialog ? (this.method === 'BYE' ? '' : this.dialogId) : '',
    );
    this.owner.send(answerLeader(commandId, tokens), forApplication(response, bytes));
  }

  /** The tag an application put into its To becomes ours, as long as none was sent. */
  #adoptTag(app: AppMessage): void {
    if (this.#toTag !== '') return;
    const to = app.headers.find((h) => h.name === 'To')?.value;
    const tag = to === undefined ? undefined : /;\s*tag\s*=\s*([A-Za-z0-9\-.!%*_+`'~]+)/.exec(to)?.[1];
    if (tag !== undefined && tag !== this.request.toTag) this.#toTag = tag;
  }

  #build(
    app: AppMessage,
    status: number,
    own: OwnAddress | undefined,
    reliable: boolean,
  ): { response: SipResponse; rseq: number | undefined } | string {
    const makesDialog = !this.inDialog && dialogMaking.has(this.method) && status > 100 && status < 300;
    const headers: SipHeader[] = [];
    if (makesDialog) {
      for (const header of this.request.message.headers) if (header.name === 'Record-Route') headers.push(header);
    }
    for (const header of app.headers) {
      if (ownFields.has(header.name)) continue;
      if (header.name === 'Require' && !reliable && status < 200) continue;
      headers.push(header);
    }
    const has = (name: string): boolean => headers.some((h) => h.name === name);
    const refreshing = this.method === 'INVITE' || this.method === 'UPDATE';
    const wantsContact = reliable || (status >= 200 && status < 300 && (refreshing || this.method === 'SUBSCRIBE'));
    if (own && wantsContact && !has('Contact')) {
      headers.push({ name: 'Contact', value: this.dialog?.localContact || defaultContact(own) });
    }
    bracketAddresses(headers);
    if (own) substituteLocalhost(headers, own);
    if (app.body.length > 0 && !has('Content-Type')) {
      if (!app.body.subarray(0, 3).equals(sdpStart)) return 'missing content-type';
      headers.push({ name: 'Content-Type', value: 'application/sdp' });
    }
    let rseq: number | undefined;
    if (reliable && this.reliable) {
      rseq = this.reliable.nextRSeq();
      if (!has('Require')) headers.push({ name: 'Require', value: '100rel' });
      headers.push({ name: 'RSeq', value: String(rseq) });
    }
    if (refreshing && status >= 200 && status < 300) {
      const timer = answerHeaders(this.request.message, headers);
      if (timer.length > 0) {
        const at = headers.findIndex((h) => h.name === 'Session-Expires');
        if (at >= 0) headers.splice(at, 1);
        headers.push(...timer);
      }
    }
    const reason = app.start.kind === 'response' && app.start.reason !== '' ? app.start.reason : undefined;
    const response = responseTo(this.request, status, {
      ...(status === 100 ? {} : { toTag: this.toTag }),
      ...(reason === undefined ? {} : { reason }),
      headers,
      body: app.body,
    });
    return { response, rseq };
  }

  /** What a response means for the dialog. */
  #afterResponse(response: SipResponse, bytes: Buffer | undefined): void {
    const { status } = response;
    if (!this.inDialog && dialogMaking.has(this.method) && status > 100 && status < 300) {
      if (!this.dialog && (this.method === 'INVITE' || status >= 200)) this.#makeDialog(response);
      const contact = field(response, 'Contact');
      if (this.dialog && contact !== undefined) this.dialog.localContact = contact;
    }
    const { dialog } = this;
    if (status >= 200) {
      this.reliable?.stop();
      if (dialog?.openInvite === this) dialog.openInvite = undefined;
    }
    if (status >= 200 && status < 300 && dialog) this.#onAccepted(dialog, response, bytes);
    else if (status >= 300 && !this.inDialog) {
      dialog?.terminate();
      if (this.method === 'INVITE') {
        const reason = status === 487 ? 'call-canceled' : 'call-rejected';
        this.#ctx.cdr.stop('application', reason, () => bytes ?? serialize(response));
      }
    }
  }

  #makeDialog(response: SipResponse): void {
    const { flow } = this.transaction;
    const own = this.#ctx.identity.towards(flow.transport, flow.remoteAddress);
    const dialog = dialogOfRequest(this.request, this.toTag, field(response, 'To') ?? '', {
      clock: this.#ctx.clock,
      id: this.dialogId,
      owner: this.owner,
      flow,
      localContact: field(response, 'Contact') ?? (own ? defaultContact(own) : ''),
    });
    dialog.inviteTransactionId = this.id;
    if (this.method === 'INVITE') dialog.openInvite = this;
    this.dialog = dialog;
    this.#ctx.dialogs.add(dialog);
  }

  #onAccepted(dialog: Dialog, response: SipResponse, bytes: Buffer | undefined): void {
    const { message } = this.request;
    if (this.method === 'INVITE' || this.method === 'UPDATE') {
      if (this.inDialog) dialog.refreshTarget(contactUri(message));
      if (response.body.length > 0) dialog.localSdp = response.body;
      onInviteAnswered(this.#ctx, dialog, message, response, 'uas');
    }
    if (!this.inDialog) {
      dialog.state = 'confirmed';
      if (this.method === 'INVITE') this.#ctx.cdr.start('application', 'uas', () => bytes ?? serialize(response));
    }
    if (this.method === 'INVITE') this.#repeatUntilAck(dialog, response.status, bytes ?? serialize(response));
  }

  /** A 2xx is sent again, by any transport, until its ACK comes; without one the call ends (RFC 3261 13.3.1.4). */
  #repeatUntilAck(dialog: Dialog, status: number, bytes: Buffer): void {
    const { t1, t2 } = this.#ctx.transactions.timers;
    dialog.inviteTransactionId = this.id;
    dialog.ackSeq = this.request.cseq.number;
    const arm = (interval: number): void => {
      dialog.retransmit2xx.start(interval, () => {
        this.transaction.respondAgain(status, bytes);
        arm(Math.min(interval * 2, t2));
      });
    };
    arm(t1);
    dialog.ackDeadline.start(lifetime(this.#ctx.transactions.timers), () => {
      dialog.stopWaitingForAck();
      endDialog(this.#ctx, dialog, 'ACK timeout', 'system-initiated-termination');
    });
  }
}

const sdpStart = Buffer.from('v=0');
