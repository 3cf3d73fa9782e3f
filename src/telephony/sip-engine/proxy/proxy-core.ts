import { field, responseTo } from '../compose.js';
import type { Owner } from '../drachtio/application.js';
import type { ProxyCommand } from '../drachtio/commands.js';
import { answerLeader } from '../drachtio/deliveries.js';
import { branchCookie, newTag } from '../identifiers.js';
import type { ParsedSip, SipHeader, SipRequest, SipResponse } from '../message.js';
import { serialize } from '../serializer.js';
import type { ServerTransaction } from '../transactions/server-transaction.js';
import type { Flow } from '../transport.js';
import { parseUri } from '../uri.js';
import { ClientRequest } from '../user-agent/client-request.js';
import type { EngineContext } from '../user-agent/context.js';
import { hostPort } from '../user-agent/identity.js';
import type { IncomingRequest } from '../user-agent/incoming-request.js';
import type { ProxySide } from '../user-agent/user-agent-server.js';
import { loopValue, nextHopOf, nextMaxForwards, preprocess, setMaxForwards, withoutOurVia } from './forwarding.js';
import { ProxySession } from './proxy-session.js';

/** How long a proxied dialog without traffic is remembered, ms. */
const dialogMemory = 12 * 3_600_000;
/** Proxied dialogs remembered at once; the oldest goes first. */
const maxDialogs = 100_000;

/** Calls an application had proxied, and the requests that come by inside of them because we record-routed. */
export class ProxyCore implements ProxySide {
  readonly #ctx: EngineContext;
  /** When each proxied dialog was last seen, by Call-ID and both tags in either order. */
  readonly #dialogs = new Map<string, number>();
  readonly #cancellable = new Map<ServerTransaction, ClientRequest>();

  constructor(ctx: EngineContext) {
    this.#ctx = ctx;
  }

  /** The `proxy` command: hands a pending request on to its destinations. */
  start(owner: Owner, commandId: string, command: ProxyCommand, incoming: IncomingRequest | undefined): void {
    if (!incoming?.transaction.pending || incoming.proxied) {
      owner.send(answerLeader(commandId, 'NOK', 'Response not sent due to unknown transaction'));
      return;
    }
    const bad = command.destinations.find((destination) => !parseUri(destination));
    if (bad !== undefined) {
      owner.send(answerLeader(commandId, 'NOK', `invalid destination: ${bad}`));
      return;
    }
    const { request } = incoming;
    new ProxySession(this.#ctx, incoming, commandId, command, (response) => {
      if (command.recordRoute) this.#remember(request, response);
    }).start();
  }

  forwardInDialog(transaction: ServerTransaction): boolean {
    const { request, flow } = transaction;
    if (!this.#knows(request)) return false;
    const forwarded = this.#prepare(request);
    if (typeof forwarded === 'number') {
      transaction.respond(responseTo(request, forwarded, { toTag: newTag() }));
      return true;
    }
    const { method } = request.message;
    if (method === 'INVITE') transaction.sayTrying();
    const client = new ClientRequest(
      this.#ctx,
      forwarded.message,
      { uri: forwarded.nextHop },
      {
        onResponse: (response) => {
          if (response.message.status === 100) return;
          transaction.respond(withoutOurVia(response));
          if (method === 'BYE' && response.message.status >= 200) this.#forget(request, response.message);
        },
        onFailure: (status) => {
          transaction.respond(responseTo(request, status, {}));
        },
      },
      `.${loopValue(request)}`,
    );
    this.#cancellable.set(transaction, client);
    transaction.whenTerminated(() => this.#cancellable.delete(transaction));
    const problem = client.start();
    if (problem !== undefined) {
      this.#ctx.log('info', { problem, remote: flow.remoteAddress }, 'request of a proxied dialog cannot be forwarded');
      transaction.respond(responseTo(request, 503, {}));
    }
    return true;
  }

  /** The ACK of a 2xx goes on without state; its branch follows from the one it came with (RFC 3261 16.11). */
  forwardAck(ack: ParsedSip<SipRequest>, _flow: Flow): boolean {
    if (!this.#knows(ack)) return false;
    const forwarded = this.#prepare(ack);
    if (typeof forwarded === 'number') return true;
    const resolved = this.#ctx.resolve(forwarded.nextHop);
    if (!Array.isArray(resolved)) return true;
    const [target] = resolved;
    if (!target) return true;
    const came = ack.via.params.get('branch') ?? '';
    const branch = `${branchCookie}${came.replace(branchCookie, '')}.${loopValue(ack)}`;
    this.#ctx
      .transport()
      .sendRequest(target, (transport, local) => {
        const sentBy = hostPort(this.#ctx.identity.publicOf(local));
        const via = { name: 'Via', value: `SIP/2.0/${transport.toUpperCase()} ${sentBy};branch=${branch};rport` };
        return serialize({ ...forwarded.message, headers: [via, ...forwarded.message.headers] });
      })
      .catch(() => undefined);
    return true;
  }

  /** Cancels a re-INVITE we forwarded; false when it is none of ours. */
  cancel(invite: ServerTransaction, headers: readonly SipHeader[]): boolean {
    const client = this.#cancellable.get(invite);
    if (!client) return false;
    client.cancel(headers);
    return true;
  }

  /** The request as it goes on, or the status that refuses it. */
  #prepare(request: ParsedSip<SipRequest>): { message: SipRequest; nextHop: string } | number {
    const left = nextMaxForwards(request.message);
    if (left === undefined) return 483;
    const message = preprocess(request.message, this.#ctx.identity);
    setMaxForwards(message, left);
    const nextHop = nextHopOf(message);
    const uri = parseUri(nextHop);
    if (uri && this.#ctx.identity.isOurs(uri.host, uri.port) && uri.user === undefined) return 481;
    return { message, nextHop };
  }

  #remember(request: ParsedSip<SipRequest>, response: SipResponse): void {
    const toTag = /;\s*tag\s*=\s*([^;\s]+)/.exec(field(response, 'To') ?? '')?.[1] ?? '';
    const now = this.#ctx.clock.now();
    for (const key of keys(request.callId, request.fromTag, toTag)) this.#dialogs.set(key, now);
    while (this.#dialogs.size > 2 * maxDialogs) {
      const [oldest] = this.#dialogs.keys();
      if (oldest === undefined) return;
      this.#dialogs.delete(oldest);
    }
  }

  #knows(request: ParsedSip<SipRequest>): boolean {
    const now = this.#ctx.clock.now();
    const all = keys(request.callId, request.fromTag, request.toTag);
    const seen = this.#dialogs.get(all[0]);
    if (seen === undefined) return false;
    for (const key of all) {
      this.#dialogs.delete(key);
      if (now - seen < dialogMemory) this.#dialogs.set(key, now);
    }
    return now - seen < dialogMemory;
  }

  /** After a BYE the dialog stays known for as long as its retransmissions may come. */
  #forget(request: ParsedSip<SipRequest>, response: SipResponse): void {
    if (response.status === 401 || response.status === 407) return;
    const almostForgotten = this.#ctx.clock.now() - dialogMemory + 32_000;
    for (const key of keys(request.callId, request.fromTag, request.toTag)) this.#dialogs.set(key, almostForgotten);
  }
}

const keys = (callId: string, one: string, other: string): [string, string] => [
  `${callId}|${one}|${other}`,
  `${callId}|${other}|${one}`,
];
