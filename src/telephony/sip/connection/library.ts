import { createRequire } from 'node:module';
import type { Server, Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/**
 * The parts of drachtio-srf this application uses, typed as the library behaves: its own declarations are partly wrong
 * (drachtio-srf issues 160 and 233). Its Dialog class is not used: it throws on requests without SDP and blocks for
 * ever after a refused re-INVITE, so dialogs are kept in `dialogs/` over plain requests and responses.
 */
export type LibraryMessage = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly raw: string | undefined;
  readonly method: string | undefined;
  readonly uri: string | undefined;
  readonly status: number | undefined;
  readonly reason: string | undefined;
};

type MessageFlow = {
  readonly msg: LibraryMessage;
  readonly source: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackTxnId: string;
  readonly stackDialogId: string;
};

export type LibraryRequest = MessageFlow & {
  readonly method: string;
  readonly uri: string;
  cancel(options: { headers?: Record<string, string> }, callback: (error: unknown) => void): void;
  on(event: 'response', listener: (response: LibraryResponse, ack: LibraryAck) => void): void;
  on(event: 'update', listener: (request: LibraryRequest, response: LibraryResponse) => void): void;
  on(event: 'cancel', listener: () => void): void;
};

export type LibraryAck = (options: { body?: string }, callback?: (error: unknown) => void) => void;

export type LibraryResponse = MessageFlow & {
  readonly status: number;
  send(
    status: number,
    reason: string | undefined,
    options: { headers: Record<string, string>; body?: string },
    callback: (error: unknown, sent: LibraryMessage | undefined) => void,
  ): void;
};

export type LibraryRequestOptions = {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly proxy?: string;
  readonly stackDialogId?: string;
};

/** The library's own connections: what its interface does not offer goes over them (see `wire.ts`). */
export type LibraryProtocol = {
  /** Every message of the server, when the library has dealt with it. */
  on(event: 'msg', listener: (socket: Socket, text: string) => void): void;
  /** Sends a command; returns the id that its answer will name. */
  send(socket: Socket, command: string): string;
};

export type Library = {
  readonly app: { readonly client?: { readonly wp?: LibraryProtocol } };
  connect(options: {
    host: string;
    port: number;
    secret: string;
    tls?: ConnectionOptions;
    /** 1: the library leaves connecting again to us. */
    reconnect: { maxAttempts: number };
  }): void;
  /** Serves the connections that `server` reports; the library never makes it listen. */
  listen(options: { server: Server; secret: string }): void;
  disconnect(): void;
  request(
    uri: string,
    options: LibraryRequestOptions,
    callback: (error: unknown, request: LibraryRequest | undefined) => void,
  ): void;
  use(handler: (request: LibraryRequest, response: LibraryResponse, next: () => void) => void): void;
  use(method: string, handler: (request: LibraryRequest, response: LibraryResponse, next: () => void) => void): void;
  on(event: 'connect', listener: (error: unknown, endpoints: string, version: string | null) => void): void;
  on(event: 'error', listener: (error: unknown) => void): void;
  on(event: 'close', listener: () => void): void;
};

/** A new, unconnected instance of the library; `tag` names this application to the SIP server. */
export const newLibrary = (tag: string): Library => {
  // The package is CommonJS with declarations that contradict it; this is the one place where its shape is asserted.
  const Srf: new (tags: string[]) => Library = createRequire(import.meta.url)('drachtio-srf');
  return new Srf([tag]);
};
