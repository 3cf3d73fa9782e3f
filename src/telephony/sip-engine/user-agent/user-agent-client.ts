import { emptyBody, field } from '../compose.js';
import type { Dialog } from '../dialogs/dialog.js';
import { dialogIdOf } from '../dialogs/dialog-table.js';
import { keepTimer } from '../dialogs/session-timer.js';
import type { AppMessage } from '../drachtio/app-message.js';
import type { Owner } from '../drachtio/application.js';
import { answerLeader, forApplication, requestSentTokens, timeOfDay } from '../drachtio/deliveries.js';
import { newCallId, newCSeq, newId, newTag } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import type { ServerTransaction } from '../transactions/server-transaction.js';
import { parseUri } from '../uri.js';
import type { SentMessage } from './attempt.js';
import { sentFrom } from './client-request.js';
import type { EngineContext } from './context.js';
import { dialogPath, endDialog, sendAck } from './dialog-requests.js';
import { bracketAddresses, substituteLocalhost } from './identity.js';
import { OutgoingRequest } from './outgoing-request.js';

/** Methods whose request outside of a dialog carries our Contact. */
const contactMethods = new Set(['INVITE', 'SUBSCRIBE', 'REFER']);
/** Methods that make a dialog the application gets a name for. */
const dialogMethods = new Set(['INVITE', 'SUBSCRIBE', 'REFER']);
/** Requests outside of a dialog that never belong to one that happens to have their Call-ID. */
const standalone = new Set(['INVITE', 'REGISTER', 'OPTIONS', 'PUBLISH', 'SUBSCRIBE']);
/** Fields of a request the engine writes itself. */
const ownFields = new Set(['Via', 'Content-Length', 'Max-Forwards', 'From', 'To', 'Call-ID', 'CSeq']);

/** Requests of applications: composes them, keeps track of them, finds them again for CANCEL, ACK and PRACK. */
export class UserAgentClient {
  readonly #ctx: EngineContext;
  readonly #requests = new Map<string, OutgoingRequest>();
  /** INVITEs and SUBSCRIBEs by the dialog name their answers get. */
  readonly #byDialogId = new Map<string, OutgoingRequest>();

  constructor(ctx: EngineContext) {
    this.#ctx = ctx;
  }

  get pendingCount(): number {
    return this.#requests.size;
  }

  /** A request of an application, told apart by what it names (see the admin protocol's `sip`). */
  send(
    owner: Owner,
    commandId: string,
    names: { transactionId: string; dialogId: string; routeUrl: string },
    app: AppMessage,
  ): void {
    const problem = this.#dispatch(owner, commandId, names, app);
    if (problem !== undefined) owner.send(answerLeader(commandId, 'NOK', problem));
  }

  /** The connection of an application is gone: nobody will see how its calls come out. */
  onApplicationGone(owners: readonly Owner[]): void {
    for (const request of this.#requests.values()) if (owners.includes(request.owner)) request.abandon();
  }

  /** Makes the dialog of a NOTIFY that came before the answer to its SUBSCRIBE or REFER. */
  adoptNotify(transaction: ServerTransaction): Dialog | undefined {
    const { request, flow } = transaction;
    for (const outgoing of this.#requests.values()) {
      if (outgoing.method !== 'SUBSCRIBE' && outgoing.method !== 'REFER') continue;
      if (outgoing.dialog || outgoing.callId !== request.callId || outgoing.localTag !== request.toTag) continue;
      // The NOTIFY says about the peer what the 2xx would have said, with From and To exchanged.
      const headers = request.message.headers.map((h) => {
        if (h.name === 'From') return { name: 'To', value: h.value };
        return h.name === 'To' ? { name: 'From', value: h.value } : h;
      });
      const response: ParsedSip<SipResponse> = {
        ...request,
        message: { kind: 'response', status: 200, reason: 'OK', headers, body: emptyBody },
        from: request.to,
        to: request.from,
        fromTag: request.toTag,
        toTag: request.fromTag,
        cseq: { number: Number.parseInt(field(outgoing.request, 'CSeq') ?? '0', 10), method: outgoing.method },
      };
      return outgoing.confirmDialog(response, flow);
    }
    return undefined;
  }

  #dispatch(
    owner: Owner,
    commandId: string,
    names: { transactionId: string; dialogId: string; routeUrl: string },
    app: AppMessage,
  ): string | undefined {
    if (app.start.kind !== 'request') return 'not a request';
    const { method } = app.start;
    if (names.dialogId !== '') {
      if (method === 'ACK') return this.#ack(owner, commandId, names.dialogId, app);
      const dialog = this.#ctx.dialogs.byId(names.dialogId);
      if (!dialog) return 'Server error: unable to find dialog for dialog id provided';
      return this.#sendInDialog(owner, commandId, dialog, method, app);
    }
    if (names.transactionId !== '') {
      if (method !== 'CANCEL') return 'only a CANCEL may name a transaction';
      return this.#cancel(owner, commandId, names.transactionId, app.headers);
    }
    const callId = app.headers.find((h) => h.name === 'Call-ID')?.value;
    const dialog = callId === undefined || standalone.has(method) ? undefined : this.#ctx.dialogs.byCallId(callId);
    if (dialog) return this.#sendInDialog(owner, commandId, dialog, method, app);
    if (method === 'ACK' || method === 'CANCEL') return `${method} needs a dialog or transaction`;
    return this.#sendOutside(owner, commandId, method, app.start.uri, names.routeUrl, app);
  }

  #sendOutside(
    owner: Owner,
    commandId: string,
    method: string,
    uri: string,
    routeUrl: string,
    app: AppMessage,
  ): string | undefined {
    if (!parseUri(uri)) return `invalid request-uri: ${uri}`;
    const route = app.headers.find((h) => h.name === 'Route')?.value;
    const nextHop = routeUrl !== '' ? bareUri(routeUrl) : route !== undefined ? bareUri(route) : uri;
    const given = (name: string): string | undefined => app.headers.find((h) => h.name === name)?.value;
    // `localhost` is written over with our address once it is known by which way the request leaves.
    const addressed: SipHeader[] = [
      { name: 'From', value: given('From') ?? '<sip:localhost>' },
      { name: 'To', value: given('To') ?? `<${uri}>` },
    ];
    const rest: SipHeader[] = app.headers.filter((h) => !ownFields.has(h.name));
    if (contactMethods.has(method) && given('Contact') === undefined) {
      rest.push({ name: 'Contact', value: '<sip:localhost>' });
    }
    const problem = addContentType(rest, app.body);
    if (problem !== undefined) return problem;
    if (this.#ctx.options.userAgent !== undefined && given('User-Agent') === undefined) {
      rest.push({ name: 'User-Agent', value: this.#ctx.options.userAgent });
    }
    bracketAddresses(addressed);
    bracketAddresses(rest);
    const from = addressed[0]?.value ?? '';
    const tag = /;\s*tag\s*=\s*([^;\s>]+)\s*$|;\s*tag\s*=\s*([^;\s>]+)\s*;/.exec(from);
    const fromTag = tag?.[1] ?? tag?.[2] ?? newTag();
    const callId = given('Call-ID') ?? newCallId();
    const seq = /^\s*(\d+)/.exec(given('CSeq') ?? '')?.[1] ?? String(newCSeq());
    const request: SipRequest = {
      kind: 'request',
      method,
      uri,
      headers: [
        { name: 'Max-Forwards', value: given('Max-Forwards') ?? '70' },
        { name: 'From', value: tag ? from : `${from};tag=${fromTag}` },
        { name: 'To', value: addressed[1]?.value ?? '' },
        { name: 'Call-ID', value: callId },
        { name: 'CSeq', value: `${seq} ${method}` },
        ...rest,
      ],
      body: app.body,
    };
    return this.#launch({
      owner,
      commandId,
      request,
      path: { uri: nextHop, judgedAs: method === 'INVITE' ? callId : undefined },
      dialog: undefined,
      dialogId: dialogMethods.has(method) ? dialogIdOf(callId, fromTag) : '',
    });
  }

  #sendInDialog(owner: Owner, commandId: string, dialog: Dialog, method: string, app: AppMessage): string | undefined {
    if (method === 'PRACK') return this.#prack(owner, commandId, dialog, app);
    const headers = [...app.headers];
    const problem = addContentType(headers, app.body);
    if (problem !== undefined) return problem;
    const own = this.#ctx.identity.towards(dialog.flow.transport, dialog.flow.remoteAddress);
    bracketAddresses(headers);
    if (own) substituteLocalhost(headers, own);
    headers.push(...keepTimer(this.#ctx, dialog, method, headers));
    const request = dialog.compose(method, headers, app.body);
    return this.#launch({
      owner,
      commandId,
      request,
      path: dialogPath(dialog, request.nextHop),
      dialog,
      dialogId: dialog.id,
    });
  }

  /** RAck is ours to write: only we know which response the application means when an INVITE was sent twice. */
  #prack(owner: Owner, commandId: string, dialog: Dialog, app: AppMessage): string | undefined {
    const rack = app.headers.find((h) => h.name === 'RAck')?.value ?? '';
    const rseq = Number.parseInt(rack, 10);
    const pending = this.#byDialogId.get(dialog.id)?.pendingPracks ?? [];
    const at = pending.findIndex((p) => p.rseq === rseq);
    const [found] = at < 0 ? [] : pending.splice(at, 1);
    const early = found?.dialog ?? dialog;
    const headers = app.headers.filter((h) => h.name !== 'RAck');
    headers.push({ name: 'RAck', value: found ? `${found.rseq} ${found.cseq} INVITE` : rack });
    const problem = addContentType(headers, app.body);
    if (problem !== undefined) return problem;
    const request = early.compose('PRACK', headers, app.body);
    return this.#launch({
      owner,
      commandId,
      request,
      path: dialogPath(early, request.nextHop),
      dialog: early,
      dialogId: early.id,
    });
  }

  #ack(owner: Owner, commandId: string, dialogId: string, app: AppMessage): string | undefined {
    const dialog = this.#ctx.dialogs.byId(dialogId);
    const awaited = dialog?.awaitedAck;
    if (!dialog || !awaited) {
      return 'Server error: ACK for non-success final response is automatically generated by server';
    }
    dialog.awaitedAck = undefined;
    const headers = [...app.headers.filter((h) => h.name !== 'Contact'), ...awaited.credentials];
    const problem = addContentType(headers, app.body);
    if (problem !== undefined) return problem;
    const sent = sendAck(this.#ctx, dialog, awaited.seq, headers, app.body);
    if (typeof sent === 'string') return sent;
    if (app.body.length > 0) dialog.localSdp = app.body;
    this.#answerSent(owner, commandId, sent, newId());
    // The peer answered before our CANCEL reached it: there is a call nobody wants.
    if (awaited.cancelled) endDialog(this.#ctx, dialog, 'canceled', 'ackbye');
    return undefined;
  }

  #cancel(owner: Owner, commandId: string, transactionId: string, extra: readonly SipHeader[]): string | undefined {
    const outgoing = this.#requests.get(transactionId);
    if (!outgoing) return 'Server error: transaction to cancel not found';
    const headers = extra.filter((h) => !notInCancel.has(h.name));
    const sent = outgoing.cancel(headers);
    if (!sent) return 'Server error: transaction to cancel has ended';
    this.#answerSent(owner, commandId, sent, newId());
    return undefined;
  }

  #answerSent(owner: Owner, commandId: string, sent: SentMessage, transactionId: string): void {
    const tokens = requestSentTokens(
      sent.bytes.length,
      sentFrom(this.#ctx, sent),
      timeOfDay(this.#ctx.clock),
      transactionId,
    );
    owner.send(answerLeader(commandId, tokens), forApplication(sent.request, sent.bytes));
  }

  #launch(init: ConstructorParameters<typeof OutgoingRequest>[1]): string | undefined {
    const outgoing = new OutgoingRequest(this.#ctx, init, (ended) => this.#forget(ended));
    this.#requests.set(outgoing.id, outgoing);
    if (outgoing.dialogId !== '' && !outgoing.dialog) {
      this.#byDialogId.set(outgoing.dialogId, outgoing);
      this.#ctx.dialogs.reserve(outgoing.dialogId);
    }
    const problem = outgoing.start();
    if (problem !== undefined) this.#forget(outgoing);
    return problem;
  }

  #forget(outgoing: OutgoingRequest): void {
    this.#requests.delete(outgoing.id);
    if (this.#byDialogId.get(outgoing.dialogId) !== outgoing) return;
    this.#byDialogId.delete(outgoing.dialogId);
    this.#ctx.dialogs.release(outgoing.dialogId);
  }
}

const notInCancel = new Set([
  'Via',
  'From',
  'To',
  'Call-ID',
  'CSeq',
  'Contact',
  'P-Asserted-Identity',
  'Max-Forwards',
  'Route',
  'Content-Length',
]);

/** `<sip:host;lr>` and `host:5060` as a URI. */
const bareUri = (value: string): string => {
  const inside = /<([^<>]*)>/.exec(value)?.[1] ?? value.trim();
  return /^[a-z][a-z0-9+.-]*:(?!\d+$)/i.test(inside) ? inside : `sip:${inside}`;
};

const sdpStart = Buffer.from('v=0');

/** A body must say what it is; SDP is recognised (the drachtio protocol). */
const addContentType = (headers: SipHeader[], body: Buffer): string | undefined => {
  if (body.length === 0 || headers.some((h) => h.name === 'Content-Type')) return undefined;
  if (!body.subarray(0, 3).equals(sdpStart)) return 'missing content-type';
  headers.push({ name: 'Content-Type', value: 'application/sdp' });
  return undefined;
};
