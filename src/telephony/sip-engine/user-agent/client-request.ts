import { cancelOf } from '../compose.js';
import type { SentPlace } from '../drachtio/deliveries.js';
import { newBranch } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import type { TargetAddress } from '../options.js';
import { serialize } from '../serializer.js';
import type { Flow, Target } from '../transport.js';
import { Attempt, type AttemptUser, type Place, type SentMessage, withVia } from './attempt.js';
import type { EngineContext } from './context.js';
import type { OwnAddress } from './identity.js';

/** Where a request goes: to what a URI resolves to, or back on a flow (NAT, connections of the peer's making). */
export type RequestPath = {
  uri: string;
  /** When given the request goes here, and to `uri` only if the connection is gone. */
  flow?: Flow | undefined;
  /** Call-ID of a request of an application whose targets are judged before one of them is used. */
  judgedAs?: string | undefined;
};

/**
 * Requests that may be with two targets at once: of two INVITEs one is cancelled, and the others do the same twice. An
 * INFO or a MESSAGE that was only slow must not be done twice; RFC 4320 lets its answer take its time.
 */
const harmlessTwice = new Set(['INVITE', 'OPTIONS', 'REGISTER', 'BYE']);

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
  /** A 2xx to an INVITE from a target that was given up: a call that nobody wants. Left out, it goes to `onResponse`. */
  onLateAnswer?(response: ParsedSip<SipResponse>, flow: Flow): void;
  /** No target answered: 408 for silence, 503 when none could be reached, 487 when cancelled without an answer. */
  onFailure(status: 408 | 487 | 503, reason: string): void;
};

/**
 * One request of ours on its way: resolves its next hop, tries the targets in turn (RFC 3263 4.3), and can be
 * cancelled. A target from which nothing is heard is not waited for while there is another; the first one to be heard is
 * the one that counts, and an INVITE at the others is cancelled as soon as they ring.
 */
export class ClientRequest {
  readonly #ctx: EngineContext;
  /** The request without our Via. */
  readonly #request: SipRequest;
  readonly #path: RequestPath;
  readonly #user: ClientRequestUser;
  readonly #branchSuffix: string;
  readonly #attempts = new Set<Attempt>();
  readonly #attemptUser: AttemptUser = {
    onResponse: (attempt, response, flow) => this.#onResponse(attempt, response, flow),
    onSilence: () => this.#onSilence(),
    onFailure: (attempt, status, reason) => this.#onAttemptFailure(attempt, status, reason),
  };
  #targets: Target[] = [];
  /** The attempt that was heard of. */
  #chosen: Attempt | undefined;
  #newest: Attempt | undefined;
  /** What would have been sent, when no target was found. */
  #unsent: SentMessage | undefined;
  #finished = false;
  #cancelHeaders: readonly SipHeader[] | undefined;

  /** @param branchSuffix ends every branch: the proxy's mark against loops. */
  constructor(ctx: EngineContext, request: SipRequest, path: RequestPath, user: ClientRequestUser, branchSuffix = '') {
    this.#ctx = ctx;
    this.#request = request;
    this.#path = path;
    this.#user = user;
    this.#branchSuffix = branchSuffix;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get cancelled(): boolean {
    return this.#cancelHeaders !== undefined;
  }

  /** The request as sent, our Via included; undefined until the next hop is resolved. */
  get sent(): SentMessage | undefined {
    return (this.#chosen ?? this.#newest)?.sent ?? this.#unsent;
  }

  /** @returns a sentence when the request cannot be sent at all; nothing is called then. */
  start(): string | undefined {
    const { flow } = this.#path;
    if (flow) {
      const place = { transport: flow.transport, address: flow.remoteAddress, port: flow.remotePort };
      const attempt = this.#newAttempt(place);
      if (!attempt) return 'requested protocol/transport not available';
      const fallback = this.#ctx.resolve(this.#path.uri);
      attempt.sendOn(flow, Array.isArray(fallback) ? fallback[0] : undefined);
      return undefined;
    }
    const resolved = this.#resolve();
    if (typeof resolved === 'string') return resolved;
    if (Array.isArray(resolved)) return this.#begin(resolved);
    resolved.then(
      (targets) => {
        if (this.#finished) return;
        const problem = typeof targets === 'string' ? targets : this.#begin(targets);
        if (problem) this.#failUnsent(problem);
      },
      (error: unknown) => this.#failUnsent(reasonOf(error)),
    );
    return undefined;
  }

  /**
   * Cancels an INVITE; the CANCEL waits for a provisional response if none came yet (RFC 3261 9.1).
   * @returns the CANCEL as it goes to the wire, or undefined when there is nothing to cancel.
   */
  cancel(headers: readonly SipHeader[]): SentMessage | undefined {
    const { sent } = this;
    if (this.#finished || this.cancelled || !sent) return undefined;
    this.#cancelHeaders = headers;
    const request = cancelOf(sent.request, headers);
    this.#chosen?.cancel(headers);
    return { ...sent, request, bytes: serialize(request) };
  }

  /** Gives up without telling anybody. */
  stop(): void {
    this.#finished = true;
    for (const attempt of this.#attempts) attempt.stop();
  }

  #resolve(): Target[] | string | Promise<Target[] | string> {
    const { uri, judgedAs } = this.#path;
    const found = this.#ctx.resolve(uri);
    const { permit } = this.#ctx.options;
    if (judgedAs === undefined || permit === undefined || typeof found === 'string') return found;
    return permitted(found, (targets) => permit(judgedAs, targets));
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
      const attempt = this.#newAttempt(target);
      if (!attempt) continue;
      this.#chosen = undefined;
      attempt.sendTo(target);
      return undefined;
    }
  }

  #newAttempt(place: Place): Attempt | undefined {
    const rendered = this.#render(place, this.#ctx.identity.towards(place.transport, place.address));
    if (!rendered) return undefined;
    this.#user.onSending?.(rendered.sent);
    const attempt = new Attempt(this.#ctx, rendered.request, rendered.branch, rendered.sent, this.#attemptUser);
    this.#attempts.add(attempt);
    this.#newest = attempt;
    return attempt;
  }

  #render(
    place: Place,
    own: OwnAddress | undefined,
  ): { request: SipRequest; branch: string; sent: SentMessage } | undefined {
    if (!own) return undefined;
    const request = this.#user.addressed?.(this.#request, own) ?? this.#request;
    const branch = newBranch() + this.#branchSuffix;
    return { request, branch, sent: withVia(request, own, branch, place) };
  }

  #onResponse(attempt: Attempt, response: ParsedSip<SipResponse>, flow: Flow): void {
    const { status } = response.message;
    if (!this.#chosen && !this.#finished && !attempt.cancelled) this.#chosen = attempt;
    if (attempt !== this.#chosen) {
      this.#onUnwanted(attempt, response, flow);
      return;
    }
    if (status < 200) {
      if (this.#cancelHeaders) attempt.cancel(this.#cancelHeaders);
      this.#user.onResponse(response, flow);
      return;
    }
    this.#attempts.delete(attempt);
    if (status === 503 && this.#mayMoveOn() && this.#tryNext() === undefined) return;
    this.#finished = true;
    this.#user.onResponse(response, flow);
  }

  /** Another target was heard of first. */
  #onUnwanted(attempt: Attempt, response: ParsedSip<SipResponse>, flow: Flow): void {
    const { status } = response.message;
    if (status >= 200) this.#attempts.delete(attempt);
    if (this.#request.method !== 'INVITE' || status >= 300) return;
    if (status < 200) attempt.cancel([]);
    else (this.#user.onLateAnswer ?? this.#user.onResponse)(response, flow);
  }

  /** The newest target says nothing; it keeps its transaction, in case that it was only slow. */
  #onSilence(): void {
    if (!this.#chosen && this.#mayMoveOn() && harmlessTwice.has(this.#request.method)) this.#tryNext();
  }

  #mayMoveOn(): boolean {
    return !this.#finished && !this.cancelled && this.#targets.length > 0;
  }

  #onAttemptFailure(attempt: Attempt, status: 408 | 503, reason: string): void {
    this.#attempts.delete(attempt);
    if (this.#finished || (this.#chosen && this.#chosen !== attempt)) return;
    const waitedFor = attempt === (this.#chosen ?? this.#newest);
    this.#chosen = undefined;
    if (waitedFor && this.#mayMoveOn() && this.#tryNext() === undefined) return;
    // A target that was left for its silence may still answer.
    for (const other of this.#attempts) if (!other.cancelled) return;
    this.#fail(status, reason);
  }

  #fail(status: 408 | 503, reason: string): void {
    this.#finished = true;
    this.#user.onFailure(this.cancelled ? 487 : status, reason);
  }

  /** Resolution failed after `start` returned: the user still sees what would have been sent. */
  #failUnsent(reason: string): void {
    if (this.#finished) return;
    const [local] = this.#ctx.transport().local;
    if (local && !this.sent) {
      const { identity } = this.#ctx;
      const place = { transport: local.transport, address: '', port: 0 };
      this.#unsent = this.#render(place, identity.towards(local.transport, '') ?? identity.publicOf(local))?.sent;
      if (this.#unsent) this.#user.onSending?.(this.#unsent);
    }
    this.#fail(503, reason);
  }
}

/** The targets that may be used, judged as the very addresses that are then dialled. */
const permitted = async (
  found: Target[] | Promise<Target[] | string>,
  judge: (targets: readonly TargetAddress[]) => Promise<readonly boolean[]>,
): Promise<Target[] | string> => {
  const targets = await found;
  if (typeof targets === 'string') return targets;
  const verdicts = await judge(targets.map(({ address, port }) => ({ address, port })));
  const left = targets.filter((_target, at) => verdicts[at] === true);
  return left.length > 0 ? left : 'the next hop must not be called';
};

/** What a resolver rejects with: an error, or a SendFailure with its detail. */
const reasonOf = (error: unknown): string => {
  if (error instanceof Error) return error.message;
  return typeof error === 'object' && error !== null && 'detail' in error ? String(error.detail) : String(error);
};
