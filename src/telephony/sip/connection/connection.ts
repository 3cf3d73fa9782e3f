import type { Clock } from '../../../core/clock.js';
import { GatewayError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import { incomingRequest, type MessageTap, openTransactions, sendRequest } from './exchange.js';
import { newLibrary } from './library.js';
import type { OutgoingRequest, RequestHandlers, SipRequest } from './messages.js';

export type ConnectionOptions = {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** Names this application to the SIP server, which keeps its dialogs for it over a reconnect. */
  readonly tag?: string;
  /** How long the first connection may take, ms. */
  readonly connectTimeout?: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Every request of the network, in order of arrival. */
  onRequest(request: SipRequest): void;
  /** The connection broke; everything under way has been told already. */
  onLost(): void;
  /** It is back after having been lost. */
  onRestored(): void;
  /** Sees each message sent and received at the level of this connection. */
  readonly tap?: MessageTap;
};

/** The connection to a SIP server: the embedded engine or drachtio-server. */
export type SipConnection = {
  /** Where the server listens for SIP: `udp/127.0.0.1:5060`. */
  endpoints(): readonly string[];
  connected(): boolean;
  send(request: OutgoingRequest, handlers: RequestHandlers): void;
  close(): void;
};

/** Methods we ask the SIP server to hand to us outside of dialogs. */
const methods = ['invite', 'options', 'register', 'subscribe', 'publish', 'message', 'info', 'notify', 'update'];

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Connects to a SIP server and keeps the connection. Rejects with GatewayError sip_unavailable when the server cannot
 * be reached in time or refuses the secret; later losses are reported by `onLost` and mended in the background.
 */
export const openConnection = (options: ConnectionOptions): Promise<SipConnection> => {
  const { host, port, secret, log, clock } = options;
  const library = newLibrary(options.tag ?? 'voice-gateway');
  const open = openTransactions((error) => log.error({ error: String(error) }, 'a SIP handler failed'));
  const reconnect: { retryMaxDelay: number; maxAttempts?: number } = { retryMaxDelay: 2000 };
  let state: 'connecting' | 'connected' | 'lost' | 'closed' = 'connecting';
  let endpoints: readonly string[] = [];

  library.use((request, response) => {
    const received = incomingRequest(request, response, open, options.tap);
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
  for (const method of methods) library.use(method, (_request, _response, next) => next());

  const connection: SipConnection = {
    endpoints: () => endpoints,
    connected: () => state === 'connected',
    send: (request, handlers) => {
      if (state !== 'connected') return handlers.onFault({ kind: 'lost', detail: 'no connection to the SIP server' });
      sendRequest(library, request, handlers, open, options.tap);
    },
    close: () => {
      if (state === 'closed') return;
      const wasConnected = state === 'connected';
      state = 'closed';
      // The library reads this object at each attempt: it gives up at the next one.
      reconnect.maxAttempts = 1;
      if (wasConnected) library.disconnect();
      open.fail({ kind: 'lost', detail: 'the gateway is closing' });
    },
  };

  return new Promise((resolve, reject) => {
    let lastError = 'no answer';
    const timer = clock.after(options.connectTimeout ?? 10_000, () => {
      if (state !== 'connecting') return;
      connection.close();
      reject(new GatewayError('sip_unavailable', `The SIP server at ${host}:${port} cannot be reached: ${lastError}.`));
    });
    library.on('connect', (error, list) => {
      if (state === 'closed') {
        library.disconnect();
        return;
      }
      if (error) {
        const sentence = `The SIP server at ${host}:${port} does not accept the secret.`;
        if (state !== 'connecting') return log.error({ host, port }, 'the SIP server does not accept the secret');
        timer.cancel();
        connection.close();
        reject(new GatewayError('sip_unavailable', sentence, { cause: error }));
        return;
      }
      endpoints = list.split(',').filter((endpoint) => endpoint !== '');
      const first = state === 'connecting';
      state = 'connected';
      if (first) {
        timer.cancel();
        resolve(connection);
      } else {
        log.info({ host, port }, 'connected to the SIP server again');
        options.onRestored();
      }
    });
    library.on('error', (error) => {
      lastError = textOf(error);
      if (state !== 'closed') log.debug({ host, port, error: lastError }, 'SIP server connection error');
    });
    library.on('close', () => {
      if (state !== 'connected') return;
      state = 'lost';
      log.error({ host, port }, 'lost the connection to the SIP server');
      open.fail({ kind: 'lost', detail: 'the connection to the SIP server broke' });
      options.onLost();
    });
    library.connect({ host, port, secret, reconnect });
  });
};
