import { createServer, Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Clock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import { type IpRange, mostSpecific } from '../ip-range.js';
import {
  type ConnectionEvents,
  DEFAULT_TAG,
  endpointList,
  quit,
  receivingLibrary,
  type SipConnection,
} from './connection.js';
import { type Exchange, type MessageTap, openTransactions, sendRequest } from './exchange.js';
import { openWire } from './wire.js';

/** Where SIP servers connect to us. */
export type ListenAddress = {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** PEM; left out: plain TCP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Who may connect: by drachtio's protocol it is we who then send the secret. */
  readonly peers: readonly IpRange[];
};

export type AcceptingOptions = {
  readonly listen: ListenAddress;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tap?: MessageTap;
  readonly messageLimit?: number;
  /** A SIP server has connected, for one request and what comes of it; its loss is for good. */
  onConnection(connection: SipConnection): ConnectionEvents;
};

export type Accepting = { readonly port: number; close(): Promise<void> };

/** Most connections at once: drachtio-server opens one for each call. */
const MAX_CONNECTIONS = 10_000;

/**
 * Listens for SIP servers in drachtio's outbound mode: the server connects to the application and hands over the request
 * it has at once. Rejects with GatewayError config_invalid when the address cannot be had.
 */
export const acceptConnections = async (options: AcceptingOptions): Promise<Accepting> => {
  const { listen, log } = options;
  const sockets = new Set<Socket>();
  const strangers = new Set<string>();

  const isPeer = (socket: Socket): boolean => mostSpecific(listen.peers, socket.remoteAddress ?? '') !== null;
  const turnAway = (socket: Socket): void => {
    const address = socket.remoteAddress ?? 'unknown';
    socket.destroy();
    // Once for each address: whoever knocks all day must not fill the log.
    if (strangers.has(address) || strangers.size >= 100) return;
    strangers.add(address);
    log.warn({ address }, 'a connection to DRACHTIO_LISTEN was refused: the address is not in DRACHTIO_PEERS');
  };
  const accept = (socket: Socket): void => {
    if (!isPeer(socket)) {
      turnAway(socket);
      return;
    }
    if (sockets.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    serve(socket, options);
  };

  const server =
    listen.tls === undefined
      ? createServer(accept)
      : createTlsServer({ ...listen.tls, handshakeTimeout: 10_000 }).on('secureConnection', accept);
  server.on('tlsClientError', (error: Error) => log.debug({ error: error.message }, 'a SIP server failed at TLS'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const place = `${listen.host}:${listen.port}`;
      reject(
        new GatewayError('config_invalid', `DRACHTIO_LISTEN: ${place} cannot be opened: ${cause.message}.`, { cause }),
      );
    });
    server.listen(listen.port, listen.host, resolve);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : listen.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

/** Gives one accepted connection to a library of its own, so that it is commanded like one that we opened. */
const serve = (socket: Socket, options: AcceptingOptions): void => {
  const { secret } = options.listen;
  const name = `${socket.remoteAddress}:${socket.remotePort}`;
  const log = options.log.child({ sipServer: name });
  const open = openTransactions((error) => log.error({ error: String(error) }, 'a SIP handler failed'));
  const exchange: Exchange = {
    open,
    ...(options.tap === undefined ? {} : { tap: options.tap }),
    ...(options.messageLimit === undefined ? {} : { messageLimit: options.messageLimit }),
  };
  let state: 'new' | 'connected' | 'over' = 'new';
  let endpoints: readonly string[] = [];

  const connection: SipConnection = {
    name,
    endpoints: () => endpoints,
    connected: () => state === 'connected',
    send: (request, handlers) => {
      if (state !== 'connected') return handlers.onFault({ kind: 'lost', detail: 'no connection to the SIP server' });
      sendRequest(library, request, handlers, exchange);
    },
    // Whether it comes to us at all is the server's own choice; a refusal is all there is.
    retreat: () => Promise.resolve(),
    close: () => {
      if (state === 'over') return;
      state = 'over';
      wire.close();
      quit(library);
      socket.end();
      open.fail({ kind: 'lost', detail: 'the gateway is closing' });
    },
  };
  const events = options.onConnection(connection);
  const library = receivingLibrary({
    tag: DEFAULT_TAG,
    exchange,
    onRequest: (request) => {
      // The request comes with the answer to our authentication, before the library tells of the latter.
      if (state === 'new') state = 'connected';
      events.onRequest(request);
    },
  });
  library.on('connect', (error, list) => {
    if (state === 'over') return;
    if (error) {
      log.error({}, 'the SIP server does not accept the secret');
      return void socket.destroy();
    }
    state = 'connected';
    endpoints = endpointList(list);
  });
  library.on('error', (error) => log.debug({ error: String(error) }, 'SIP server connection error'));
  library.on('close', () => {
    if (state === 'over') return;
    state = 'over';
    wire.close();
    open.fail({ kind: 'lost', detail: 'the connection to the SIP server broke' });
    events.onLost(true);
  });
  const ofOne = new Server();
  library.listen({ server: ofOne, secret });
  const wire = openWire(library, options.clock);
  wire.watch(() => log.error({}, 'the SIP server gives no sign of life; the connection is broken off'));
  ofOne.emit('connection', socket);
};
