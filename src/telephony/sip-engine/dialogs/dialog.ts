import type { Owner } from '../drachtio/application.js';
import type { EngineClock } from '../engine-clock.js';
import type { ParsedSip, SipHeader, SipRequest } from '../message.js';
import { Timer } from '../transactions/timers.js';
import type { Flow } from '../transport.js';
import { type RoutedRequest, routeRequest } from './route-set.js';

export type DialogState = 'early' | 'confirmed' | 'terminated';

/** Requests of ours that carry a Contact and so refresh the peer's idea of our target (RFC 3261 12.2.1.1). */
const targetRefreshing = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/** What others in the dialog need of an INVITE that is not answered yet. */
export type OpenInvite = {
  /** Answers it without the application. */
  reject(status: number): void;
  /** Takes a PRACK in; undefined when no response of it waits for this one. */
  acknowledge(rack: string | undefined): { release(): void } | undefined;
};

/** Keeps a session alive, or ends it when the peer does not (RFC 4028). */
export type RefreshTimer = {
  /** What runs: the interval in seconds, and whether we are the ones to refresh. Undefined when nothing does. */
  readonly agreed: { readonly seconds: number; readonly weRefresh: boolean } | undefined;
  /** Counts from now: we refresh in time, or hang up shortly before `seconds` are over. */
  run(seconds: number, weRefresh: boolean): void;
  stop(): void;
};

export type DialogInit = {
  /** The application's name for it: `<Call-ID>;from-tag=<From tag of the creating request>`. */
  id: string;
  role: 'uac' | 'uas';
  /** Method of the request that created it. */
  method: string;
  callId: string;
  localTag: string;
  remoteTag: string;
  /** Our From value and their To value in requests we send, tags included. */
  localUri: string;
  remoteUri: string;
  localSeq: number;
  remoteSeq: number | undefined;
  routeSet: readonly string[];
  remoteTarget: string;
  /** Our Contact value. */
  localContact: string;
  owner: Owner;
  /** Where the creating request or response came from. */
  flow: Flow;
  /** The peer is behind NAT or on a connection of its own: requests go back on `flow`, not to the remote target. */
  useFlow: boolean;
};

/** Peer-to-peer relation of RFC 3261 section 12, with what the engine must remember of its INVITE transactions. */
export class Dialog {
  readonly id: string;
  readonly role: 'uac' | 'uas';
  readonly method: string;
  readonly callId: string;
  readonly localTag: string;
  remoteTag: string;
  readonly localUri: string;
  remoteUri: string;
  localSeq: number;
  remoteSeq: number | undefined;
  routeSet: readonly string[];
  remoteTarget: string;
  localContact: string;
  readonly owner: Owner;
  flow: Flow;
  useFlow: boolean;
  state: DialogState = 'early';
  /** Session description we sent last; refreshes repeat it. */
  localSdp: Buffer | undefined;
  /** True when the peer listed UPDATE in Allow. */
  peerAllowsUpdate = false;
  /** Their INVITE that waits for our final response: the one that made the dialog or a re-INVITE. */
  openInvite: OpenInvite | undefined;
  /** An INVITE of ours waits for its final response (491 to theirs, RFC 3261 14.2). */
  outgoingInvite = false;
  /** A 2xx the application has not acknowledged yet, with what its ACK needs. */
  awaitedAck: { seq: number; cancelled: boolean; credentials: readonly SipHeader[] } | undefined;
  /** Id of the transaction whose ACK is awaited, for reporting it. */
  inviteTransactionId = '';
  /** CSeq of the INVITE of theirs that we answered with a 2xx and whose ACK has not come. */
  ackSeq: number | undefined;
  /** ACK we sent for the last 2xx, to be repeated when the 2xx comes again. */
  lastAck: { seq: number; resend(): void } | undefined;
  /** Made when an interval is first agreed. */
  sessionTimer: RefreshTimer | undefined;
  /** Retransmission of our 2xx until the ACK comes. */
  readonly retransmit2xx: Timer;
  readonly ackDeadline: Timer;
  /** Called once when the dialog ends. */
  readonly #atEnd: (() => void)[] = [];

  constructor(clock: EngineClock, init: DialogInit) {
    this.id = init.id;
    this.role = init.role;
    this.method = init.method;
    this.callId = init.callId;
    this.localTag = init.localTag;
    this.remoteTag = init.remoteTag;
    this.localUri = init.localUri;
    this.remoteUri = init.remoteUri;
    this.localSeq = init.localSeq;
    this.remoteSeq = init.remoteSeq;
    this.routeSet = init.routeSet;
    this.remoteTarget = init.remoteTarget;
    this.localContact = init.localContact;
    this.owner = init.owner;
    this.flow = init.flow;
    this.useFlow = init.useFlow;
    this.retransmit2xx = new Timer(clock);
    this.ackDeadline = new Timer(clock);
  }

  whenTerminated(fn: () => void): void {
    this.#atEnd.push(fn);
  }

  terminate(): void {
    if (this.state === 'terminated') return;
    this.state = 'terminated';
    this.stopWaitingForAck();
    for (const fn of this.#atEnd.splice(0)) fn();
  }

  stopWaitingForAck(): void {
    this.retransmit2xx.stop();
    this.ackDeadline.stop();
  }

  route(): RoutedRequest {
    return routeRequest(this.remoteTarget, this.routeSet);
  }

  /**
   * Headers of a request in this dialog, Via apart (RFC 3261 12.2.1.1). Counts CSeq up, except for an ACK, which
   * repeats the number of its INVITE in `seq`.
   */
  compose(method: string, extra: readonly SipHeader[], body: Buffer, seq?: number): SipRequest & RoutedRequest {
    const number = seq ?? ++this.localSeq;
    const routed = this.route();
    const headers: SipHeader[] = [{ name: 'Max-Forwards', value: '70' }];
    for (const route of routed.routes) headers.push({ name: 'Route', value: route });
    headers.push({ name: 'From', value: this.localUri });
    headers.push({ name: 'To', value: this.remoteUri });
    headers.push({ name: 'Call-ID', value: this.callId });
    headers.push({ name: 'CSeq', value: `${number} ${method}` });
    let hasContact = false;
    for (const header of extra) {
      if (ownFields.has(header.name)) continue;
      if (header.name === 'Contact') {
        hasContact = true;
        if (targetRefreshing.has(method)) this.localContact = header.value;
      }
      headers.push(header);
    }
    if (!hasContact && targetRefreshing.has(method)) headers.push({ name: 'Contact', value: this.localContact });
    return { kind: 'request', method, headers, body, ...routed };
  }

  /** A request or 2xx of the peer that refreshes its target was accepted (12.2). */
  refreshTarget(contact: string | undefined): void {
    if (contact !== undefined) this.remoteTarget = contact;
  }

  /**
   * Checks the number of a request of theirs and remembers it (12.2.2).
   * @returns false when it is out of order.
   */
  acceptSeq(request: ParsedSip<SipRequest>): boolean {
    const { number } = request.cseq;
    if (this.remoteSeq !== undefined && number <= this.remoteSeq) return false;
    this.remoteSeq = number;
    return true;
  }
}

/** Header fields of a request in a dialog that only the dialog may write. */
const ownFields = new Set([
  'Via',
  'From',
  'To',
  'Call-ID',
  'CSeq',
  'Max-Forwards',
  'Route',
  'Record-Route',
  'Content-Length',
]);
