import { field, responseTo } from '../compose.js';
import type { ProxyCommand } from '../drachtio/commands.js';
import { answerLeader, timeOfDay } from '../drachtio/deliveries.js';
import { parseNameAddrList } from '../header-values.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import { Timer } from '../transactions/timers.js';
import type { Flow } from '../transport.js';
import { ClientRequest } from '../user-agent/client-request.js';
import type { EngineContext } from '../user-agent/context.js';
import type { IncomingRequest } from '../user-agent/incoming-request.js';
import { bestResponse } from './best-response.js';
import {
  addRecordRoute,
  isLooping,
  loopValue,
  nextHopOf,
  nextMaxForwards,
  preprocess,
  setMaxForwards,
  withoutOurVia,
} from './forwarding.js';

/** Time without a provisional response after which an INVITE's branch is given up (RFC 3261 16.6 item 11), ms. */
const timerC = 185_000;
/** Branches of one request, redirections included: a redirecting peer must not keep us busy for ever. */
const maxBranches = 50;

type Branch = { request: ClientRequest; done: boolean; waitsForAnything: Timer; waitsForFinal: Timer; ringing: Timer };

/** One request on its way through the proxy to one or several destinations (RFC 3261 section 16). */
export class ProxySession {
  readonly #ctx: EngineContext;
  readonly #incoming: IncomingRequest;
  readonly #command: ProxyCommand;
  readonly #commandId: string;
  readonly #onDialog: (response: SipResponse) => void;
  readonly #branches: Branch[] = [];
  readonly #destinations: string[];
  readonly #tried = new Set<string>();
  readonly #failures: SipResponse[] = [];
  #started = 0;
  #answered = false;
  #stopped = false;
  #finished = false;
  #reported = false;

  /** @param onDialog called with each 2xx, so that requests in the dialog are known when they come by. */
  constructor(
    ctx: EngineContext,
    incoming: IncomingRequest,
    commandId: string,
    command: ProxyCommand,
    onDialog: (response: SipResponse) => void,
  ) {
    this.#ctx = ctx;
    this.#incoming = incoming;
    this.#command = command;
    this.#commandId = commandId;
    this.#onDialog = onDialog;
    this.#destinations = [...command.destinations];
  }

  start(): void {
    const { request } = this.#incoming;
    if (nextMaxForwards(request.message) === undefined) this.#refuse(483);
    else if (isLooping(request, this.#ctx.identity)) this.#refuse(482);
    else {
      this.#incoming.proxied = { cancel: (headers) => this.#cancelAll(headers) };
      this.#startBranches();
      if (!this.#command.fullResponse) this.#report();
    }
  }

  #refuse(status: number): void {
    this.#incoming.reject(status);
    this.#report();
  }

  #startBranches(): void {
    if (this.#stopped || this.#answered) {
      this.#finishIfDone();
      return;
    }
    do {
      const destination = this.#destinations.shift();
      if (destination === undefined) break;
      if (this.#tried.has(destination) || this.#started >= maxBranches) continue;
      this.#tried.add(destination);
      this.#startBranch(destination);
    } while (this.#command.simultaneous || !this.#branches.some((branch) => !branch.done));
    this.#finishIfDone();
  }

  #startBranch(destination: string): void {
    this.#started += 1;
    const { request, transaction } = this.#incoming;
    const message = preprocess(request.message, this.#ctx.identity);
    message.uri = destination;
    setMaxForwards(message, nextMaxForwards(request.message) ?? 0);
    for (const header of this.#command.message.headers) {
      if (!notFromApplication.has(header.name)) message.headers.push(header);
    }
    const nextHop = nextHopOf(message);
    if (this.#command.recordRoute) this.#recordRoute(message, nextHop);
    const branch: Branch = {
      request: new ClientRequest(
        this.#ctx,
        message,
        { uri: nextHop },
        {
          onSending: (sent) => {
            if (transaction.request.message.method === 'INVITE') this.#ctx.cdr.attempt('application', () => sent.bytes);
          },
          onResponse: (response, flow) => this.#onResponse(branch, response, flow),
          onFailure: (status) => this.#onFailure(branch, status),
        },
        `.${loopValue(request)}`,
      ),
      done: false,
      waitsForAnything: new Timer(this.#ctx.clock),
      waitsForFinal: new Timer(this.#ctx.clock),
      ringing: new Timer(this.#ctx.clock),
    };
    this.#branches.push(branch);
    const { provisionalTimeout, finalTimeout } = this.#command;
    if (provisionalTimeout !== undefined) {
      branch.waitsForAnything.start(provisionalTimeout, () => this.#giveUp(branch));
    }
    if (finalTimeout !== undefined) branch.waitsForFinal.start(finalTimeout, () => this.#giveUp(branch));
    this.#armTimerC(branch);
    const problem = branch.request.start();
    if (problem !== undefined) this.#onFailure(branch, 503);
  }

  #recordRoute(message: SipRequest, nextHop: string): void {
    const { flow } = this.#incoming.transaction;
    const caller = this.#ctx.identity.towards(flow.transport, flow.remoteAddress);
    const resolved = this.#ctx.resolve(nextHop);
    const target = Array.isArray(resolved) ? resolved[0] : undefined;
    const callee = target && this.#ctx.identity.towards(target.transport, target.address);
    if (caller) addRecordRoute(message, caller, callee ?? caller);
  }

  #armTimerC(branch: Branch): void {
    if (this.#incoming.method === 'INVITE') branch.ringing.start(timerC, () => this.#giveUp(branch));
  }

  /** A branch took too long: it is cancelled and counts as 408; the next destination has its turn. */
  #giveUp(branch: Branch): void {
    if (branch.done) return;
    if (!branch.request.cancel([])) branch.request.stop();
    this.#onFailure(branch, 408);
  }

  #onResponse(branch: Branch, response: ParsedSip<SipResponse>, flow: Flow): void {
    const { status } = response.message;
    branch.waitsForAnything.stop();
    if (status < 200) {
      if (branch.done || status === 100) return;
      this.#armTimerC(branch);
      if (!this.#answered) this.#incoming.transaction.respond(withoutOurVia(response));
      return;
    }
    if (status >= 200 && status < 300) {
      // Every 2xx goes on, also of a branch given up: its call exists (16.7 item 5).
      const onward = withoutOurVia(response);
      this.#onDialog(onward);
      const first = !this.#answered;
      this.#answered = true;
      this.#incoming.transaction.respond(onward);
      this.#endBranch(branch);
      if (first) {
        this.#reportResponse(onward, flow);
        if (this.#incoming.method === 'INVITE') {
          this.#ctx.cdr.start('network', 'proxy-uac', () => serialize(response.message));
          this.#ctx.cdr.start('application', 'proxy-uas', () => serialize(onward));
        }
        this.#cancelAll([]);
        this.#report();
      }
      return;
    }
    if (branch.done) return;
    const onward = withoutOurVia(response);
    this.#endBranch(branch);
    this.#reportResponse(onward, flow);
    if (status < 400 && this.#command.followRedirects && this.#redirect(onward)) {
      this.#startBranches();
      return;
    }
    this.#failures.push(onward);
    if (status >= 600) this.#cancelAll([]);
    this.#startBranches();
  }

  #redirect(response: SipResponse): boolean {
    const contacts = parseNameAddrList(field(response, 'Contact') ?? '') ?? [];
    const quality = (params: Map<string, string>): number => Number(params.get('q') ?? '1');
    const uris = [...contacts].sort((a, b) => quality(b.params) - quality(a.params)).map((contact) => contact.uri);
    const fresh = uris.filter((uri) => !this.#tried.has(uri));
    this.#destinations.unshift(...fresh);
    return fresh.length > 0;
  }

  #onFailure(branch: Branch, status: 408 | 487 | 503): void {
    if (branch.done) return;
    this.#endBranch(branch);
    const response = responseTo(this.#incoming.request, status, { toTag: this.#incoming.toTag });
    this.#reportResponse(response, undefined);
    this.#failures.push(response);
    this.#startBranches();
  }

  #endBranch(branch: Branch): void {
    branch.done = true;
    branch.waitsForAnything.stop();
    branch.waitsForFinal.stop();
    branch.ringing.stop();
  }

  #cancelAll(headers: readonly SipHeader[]): void {
    this.#stopped = true;
    this.#destinations.length = 0;
    for (const branch of this.#branches) if (!branch.done) branch.request.cancel(headers);
  }

  #finishIfDone(): void {
    if (this.#finished || this.#answered) return;
    if (this.#branches.some((branch) => !branch.done) || this.#destinations.length > 0) return;
    this.#finished = true;
    const best = bestResponse(this.#failures) ?? responseTo(this.#incoming.request, 500, {});
    this.#incoming.transaction.respond(best);
    if (this.#incoming.method === 'INVITE') {
      const reason = best.status === 487 ? 'call-canceled' : 'call-rejected';
      this.#ctx.cdr.stop('network', reason, () => serialize(best));
    }
    this.#report();
  }

  /** Tells the application of a branch's final response, when it asked to know. */
  #reportResponse(response: SipResponse, flow: Flow | undefined): void {
    if (!this.#command.fullResponse || this.#reported) return;
    const bytes = serialize(response);
    const place = `${flow?.transport ?? 'udp'}|${flow?.remoteAddress ?? ''}|${flow?.remotePort ?? 0}`;
    const tokens = `OK|network|${bytes.length}|${place}|${timeOfDay(this.#ctx.clock)}|||continue`;
    this.#incoming.owner.send(answerLeader(this.#commandId, tokens), bytes);
  }

  #report(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#incoming.owner.send(answerLeader(this.#commandId, 'OK', 'done'));
  }
}

const notFromApplication = new Set([
  'Via',
  'From',
  'To',
  'Call-ID',
  'CSeq',
  'Route',
  'Record-Route',
  'Content-Length',
  'Max-Forwards',
  'Contact',
]);
