import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { formatNameAddr } from '../header-values.js';
import type { RequestHandler } from '../options.js';
import type { ServerTransaction } from '../transactions/server-transaction.js';
import type { EngineLog } from '../user-agent/context.js';
import type { AdminConnections } from './admin-server.js';
import type { Application, Owner } from './application.js';
import type { ProxyCommand } from './commands.js';
import type { ApplicationRegistry } from './registry.js';
import { askWebServer, parsePlace, parseRoutingAnswer, type RoutingAnswer } from './route-request.js';

/** Where a request goes that a request handler decides about. */
export type Routed =
  | { kind: 'application'; owner: Owner }
  | { kind: 'refuse'; status: number; reason?: string | undefined; contact?: string }
  | { kind: 'proxy'; command: Omit<ProxyCommand, 'transactionId'> };

/** How long an application may take to accept the connection and authenticate, ms. */
const connectTimeout = 3_000;

/** Request handlers: applications the engine connects to, and web servers it asks. */
export class OutboundRouting {
  readonly #handlers: readonly RequestHandler[];
  readonly #applications: ApplicationRegistry;
  readonly #log: EngineLog;
  readonly #connections: () => AdminConnections;
  readonly #waiting = new Map<Socket, (application: Application) => void>();
  readonly #sockets = new Set<Socket>();

  constructor(options: {
    handlers: readonly RequestHandler[];
    applications: ApplicationRegistry;
    log: EngineLog;
    connections: () => AdminConnections;
  }) {
    this.#handlers = options.handlers;
    this.#applications = options.applications;
    this.#log = options.log;
    this.#connections = options.connections;
  }

  handlerFor(method: string): RequestHandler | undefined {
    return this.#handlers.find((handler) => handler.method === '*' || handler.method.toUpperCase() === method);
  }

  /** A connection we opened has authenticated. */
  onAuthenticated(socket: Socket, application: Application): void {
    this.#waiting.get(socket)?.(application);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Decides about a request: 500 when a web server does not answer, 480 when an application cannot be reached. */
  async route(handler: RequestHandler, transaction: ServerTransaction): Promise<Routed> {
    const place = /^https?:/i.test(handler.url) ? await this.#ask(handler, transaction) : parsePlace(handler.url);
    if (!place) return { kind: 'refuse', status: 500 };
    switch (place.action) {
      case 'connect':
        return this.#connect(place);
      case 'tag': {
        const owner = this.#applications.select(transaction.request.message.method.toLowerCase(), place.tag);
        return owner ? { kind: 'application', owner } : { kind: 'refuse', status: 503 };
      }
      case 'reject':
        return { kind: 'refuse', status: place.status, reason: place.reason };
      case 'redirect': {
        const contact = place.contacts.map((uri) => formatNameAddr({ display: '', uri, params: new Map() })).join(', ');
        return { kind: 'refuse', status: 302, reason: 'Moved Temporarily', contact };
      }
      case 'proxy':
        return { kind: 'proxy', command: proxyCommand(place) };
    }
  }

  async #ask(handler: RequestHandler, transaction: ServerTransaction): Promise<RoutingAnswer | undefined> {
    try {
      const text = await askWebServer(handler, transaction);
      const answer = parseRoutingAnswer(text);
      if (!answer) this.#log('warn', { url: handler.url }, 'the answer of a request handler is none');
      return answer;
    } catch (error) {
      this.#log('warn', { url: handler.url, error: String(error) }, 'a request handler does not answer');
      return undefined;
    }
  }

  #connect(place: Extract<RoutingAnswer, { action: 'connect' }>): Promise<Routed> {
    return new Promise((resolve) => {
      const { host, port } = place;
      // The certificate of the application is not checked, as drachtio-server does not: the secret is what counts.
      const socket = place.tls ? connectTls({ host, port, rejectUnauthorized: false }) : connect({ host, port });
      this.#sockets.add(socket);
      const settle = (routed: Routed): void => {
        clearTimeout(patience);
        this.#waiting.delete(socket);
        resolve(routed);
      };
      const fail = (): void => {
        this.#log('warn', { host, port }, 'an application cannot be connected to');
        settle({ kind: 'refuse', status: 480 });
        socket.destroy();
      };
      const patience = setTimeout(fail, connectTimeout);
      this.#waiting.set(socket, (application) => {
        const owner = this.#applications.ownerOf(application);
        if (owner) settle({ kind: 'application', owner });
      });
      socket.once('close', () => {
        this.#sockets.delete(socket);
        if (this.#waiting.has(socket)) fail();
      });
      this.#connections().accept(socket);
    });
  }
}

const proxyCommand = (answer: Extract<RoutingAnswer, { action: 'proxy' }>): Omit<ProxyCommand, 'transactionId'> => ({
  recordRoute: answer.recordRoute,
  fullResponse: false,
  followRedirects: answer.followRedirects,
  simultaneous: answer.simultaneous,
  provisionalTimeout: undefined,
  finalTimeout: undefined,
  destinations: answer.destinations.map((uri) => (/^(sips?|tel):/i.test(uri) ? uri : `sip:${uri}`)),
  message: { start: { kind: 'request', method: 'INVITE', uri: '' }, headers: [], body: Buffer.alloc(0) },
});
