import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { Clock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import { type Exchange, incomingRequest, type MessageTap, openTransactions, sendRequest } from './exchange.js';
import { type Library, newLibrary } from './library.js';
import type { OutgoingRequest, RequestHandlers, SipRequest } from './messages.js';
import { unfinishedInvites } from './unfinished-invites.js';
import { type AdminWire, openWire } from './wire.js';

/** The admin port of a SIP server. */
export type ServerAddress = {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** Left out: plain TCP. Given: TLS, with the authorities that may have signed the server's certificate (default: the system's). */
  readonly tls?: Pick<TlsOptions, 'ca' | 'servername'>;
};

export type ConnectionEvents = {
  /** Every request of the network, in order of arrival. */
  onRequest(request: SipRequest): void;
  /** The connection broke; everything under way has been told already. `forGood`: nobody will mend it. */
  onLost(forGood: boolean): void;
  /** It is back after having been lost. */
  onRestored(): void;
};

export type ConnectionOptions = ConnectionEvents & {
  readonly server: ServerAddress;
  /** Names this application to the SIP server, which keeps its dialogs for it over a reconnect. */
  readonly tag?: string;
  /** How long the first connection, and each attempt at a further one, may take, ms. */
  readonly connectTimeout?: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Sees each message sent and received at the level of this connection. */
  readonly tap?: MessageTap;
  /** Most bytes of one message to the server; none: no limit. */
  readonly messageLimit?: number;
  /** A server that does not end INVITEs whose application is gone: they are ended when it can be told again. */
  readonly leavesInvites?: boolean;
};

/** The connection to a SIP server: the embedded engine or drachtio-server. */
export type SipConnection = {
  /** `host:port` of the server. */
  readonly name: string;
  /** Where the server listens for SIP: `udp/127.0.0.1:5060`. */
  endpoints(): readonly string[];
  connected(): boolean;
  send(request: OutgoingRequest, handlers: RequestHandlers): void;
  /**
   * Takes nothing new from now on; what there is goes on. Resolves when the server knows, so that whatever it had sent
   * before has been taken; it gives new calls to other applications then, or refuses them.
   */
  retreat(): Promise<void>;
  close(): void;
};

/** Methods we ask the SIP server to hand to us outside of dialogs. */
const methods = ['invite', 'options', 'register', 'subscribe', 'publish', 'message', 'info', 'notify', 'update'];

/** Waits between attempts to connect again: the first and the longest, ms. */
const RETRY = { first: 255, longest: 2_000, growth: 1.7 };

export const DEFAULT_TAG = 'voice-gateway';

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const endpointList = (list: string): readonly string[] => list.split(',').filter((endpoint) => endpoint !== '');

/** Ends a library's connection; it may have ended by itself, which the library takes for a programming error. */
export const quit = (library: Library): void => {
  try {
    library.disconnect();
  } catch {
    // Nothing to end.
  }
};

/** A new instance of the library whose requests go to `onRequest`. */
export const receivingLibrary = (options: {
  readonly tag: string;
  readonly exchange: Exchange;
  /** True: requests outside of dialogs are not asked for. */
  readonly retreated?: boolean;
  onRequest(request: SipRequest): void;
}): Library => {
  const library = newLibrary(options.tag);
  const { open } = options.exchange;
  library.use((request, response) => {
    const received = incomingRequest(request, response, options.exchange);
    open.guard(() => {
      try {
        options.onRequest(received);
      } catch (error) {
        received.respond(500).catch(() => {});
        throw error;
      }
    });
  });
  // Handlers of single methods are never reached; registering them is what makes the server route the method to us.
  if (options.retreated !== true) {
    for (const method of methods) library.use(method, (_request, _response, next) => next());
  }
  return library;
};

/**
 * Connects to a SIP server and keeps the connection until `close`; losses are reported by `onLost` and mended in the
 * background. `ready` rejects with GatewayError sip_unavailable when the server cannot be reached in time or refuses the
 * secret; the attempts go on.
 *
 * Each attempt has a library of its own: the library's own reconnecting forgets TLS (drachtio-srf issue 211).
 */
export const openConnection = (
  options: ConnectionOptions,
): { readonly connection: SipConnection; readonly ready: Promise<void> } => {
  const { server, clock } = options;
  const { host, port } = server;
  const name = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const log = options.log.child({ sipServer: name });
  const patience = options.connectTimeout ?? 10_000;
  const open = openTransactions((error) => log.error({ error: String(error) }, 'a SIP handler failed'));
  const unfinished = options.leavesInvites === true ? unfinishedInvites() : undefined;
  const exchange: Exchange = {
    open,
    ...(options.tap === undefined ? {} : { tap: options.tap }),
    ...(options.messageLimit === undefined ? {} : { messageLimit: options.messageLimit }),
    ...(unfinished === undefined ? {} : { unfinished }),
  };
  let state: 'connecting' | 'connected' | 'lost' | 'closed' = 'connecting';
  let current: Library | null = null;
  let wire: AdminWire | null = null;
  let retreated = false;
  let endpoints: readonly string[] = [];
  let delay = RETRY.first;
  let retry: { cancel(): void } | null = null;
  let refused = false;
  let lastError = 'no answer';
  let succeed: () => void = () => {};
  let fail: (error: GatewayError) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    succeed = resolve;
    fail = reject;
  });

  const lose = (): void => {
    current = null;
    if (state !== 'connected') return;
    state = 'lost';
    log.error({}, 'lost the connection to the SIP server');
    open.fail({ kind: 'lost', detail: 'the connection to the SIP server broke' });
    options.onLost(false);
  };

  const refuse = (cause: unknown): void => {
    if (!refused) log.error({}, 'the SIP server does not accept the secret');
    refused = true;
    fail(new GatewayError('sip_unavailable', `The SIP server at ${name} does not accept the secret.`, { cause }));
  };

  const established = (library: Library, own: AdminWire, list: string): void => {
    current = library;
    wire = own;
    endpoints = endpointList(list);
    delay = RETRY.first;
    refused = false;
    const again = state === 'lost';
    state = 'connected';
    succeed();
    own.watch(() => log.error({}, 'the SIP server gives no sign of life; the connection is broken off'));
    if (!again) return;
    const invites = unfinished?.endAll(own) ?? 0;
    log.info({ invites }, 'connected to the SIP server again');
    options.onRestored();
  };

  const attempt = (): void => {
    let over = false;
    const library = receivingLibrary({
      tag: options.tag ?? DEFAULT_TAG,
      exchange,
      retreated,
      onRequest: options.onRequest,
    });
    const end = (): void => {
      if (over) return;
      over = true;
      limit.cancel();
      own.close();
      if (library === current) lose();
      if (state === 'closed') return;
      retry = clock.after(delay, attempt);
      delay = Math.min(delay * RETRY.growth, RETRY.longest);
    };
    const limit = clock.after(patience, end);
    library.on('connect', (error, list) => {
      if (over || state === 'closed') return quit(library);
      if (error) return refuse(error);
      limit.cancel();
      established(library, own, list);
    });
    library.on('error', (error) => {
      lastError = textOf(error);
      if (state !== 'closed') log.debug({ error: lastError }, 'SIP server connection error');
    });
    library.on('close', end);
    library.connect({
      ...{ host, port, secret: server.secret },
      ...(server.tls === undefined ? {} : { tls: server.tls }),
      reconnect: { maxAttempts: 1 },
    });
    const own = openWire(library, clock);
  };

  const firstLimit = clock.after(patience, () => {
    fail(new GatewayError('sip_unavailable', `The SIP server at ${name} cannot be reached: ${lastError}.`));
  });
  // Whoever does not wait for the first connection must not be ended by its failure.
  ready.then(
    () => firstLimit.cancel(),
    () => firstLimit.cancel(),
  );
  attempt();

  const connection: SipConnection = {
    name,
    endpoints: () => endpoints,
    connected: () => state === 'connected',
    send: (request, handlers) => {
      if (state !== 'connected' || current === null) {
        return handlers.onFault({ kind: 'lost', detail: 'no connection to the SIP server' });
      }
      sendRequest(current, request, handlers, exchange);
    },
    retreat: async () => {
      retreated = true;
      const own = wire;
      // drachtio-server removes all methods at the first of these; the embedded engine the one that is named.
      if (own !== null) await Promise.all(['invite', 'options'].map((verb) => own.command(`remove_route|${verb}`)));
    },
    close: () => {
      if (state === 'closed') return;
      state = 'closed';
      wire?.close();
      retry?.cancel();
      firstLimit.cancel();
      if (current !== null) quit(current);
      current = null;
      open.fail({ kind: 'lost', detail: 'the gateway is closing' });
    },
  };
  return { connection, ready };
};
