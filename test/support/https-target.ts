import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type CertificateAuthority, createCertificateAuthority } from '../../src/core/x509.js';

export type ReceivedRequest = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly clientSubject: string | undefined;
};

export type HttpsTarget = {
  readonly port: number;
  readonly origin: string;
  /** PEM of the authority that signed the target's certificate. */
  readonly authority: string;
  readonly requests: ReceivedRequest[];
  /** Sockets that are open now. */
  readonly sockets: ReadonlySet<Duplex>;
  /** Sockets that were ever accepted. */
  accepted(): number;
  /** What is done with a request; replaced at will. */
  respond: (request: ReceivedRequest, response: ServerResponse) => void;
  /** Resolves when no socket is open any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

export type HttpsTargetOptions = {
  readonly authority?: CertificateAuthority;
  readonly hosts?: readonly string[];
  readonly tls?: ServerOptions;
  readonly address?: string;
};

/** The subject's common name of the client's certificate; Node answers an empty object or nothing when there is none. */
const clientSubjectOf = (socket: IncomingMessage['socket']): string | undefined => {
  if (!('getPeerCertificate' in socket)) return undefined;
  const shown = (socket.getPeerCertificate as () => { subject?: { CN?: string } } | undefined)();
  return shown?.subject?.CN;
};

/** A real HTTPS server on a free port of loopback, with a certificate of its own authority. */
export const startHttpsTarget = async (options: HttpsTargetOptions = {}): Promise<HttpsTarget> => {
  const authority = options.authority ?? createCertificateAuthority('Target authority');
  const issued = authority.issue({ name: 'target', hosts: options.hosts ?? ['localhost', '127.0.0.1'] });
  const sockets = new Set<Duplex>();
  let accepted = 0;
  let onIdle = (): void => {};
  const requests: ReceivedRequest[] = [];
  const target = {
    respond: (_request: ReceivedRequest, response: ServerResponse): void => {
      response.setHeader('content-type', 'application/json').end('{"ok":true}');
    },
  };
  const server = createServer(
    { cert: issued.certificate, key: issued.privateKey, keepAliveTimeout: 60_000, ...options.tls },
    async (incoming, response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
      } catch {
        return;
      }
      const request = {
        method: incoming.method ?? '',
        url: incoming.url ?? '',
        headers: incoming.headers,
        rawHeaders: incoming.rawHeaders,
        body: Buffer.concat(chunks).toString(),
        clientSubject: clientSubjectOf(incoming.socket),
      };
      requests.push(request);
      target.respond(request, response);
    },
  );
  server.on('tlsClientError', () => {});
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('connection', (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) onIdle();
    });
  });
  server.listen(0, options.address ?? '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(target, {
    port,
    origin: `https://localhost:${port}`,
    authority: authority.certificate,
    requests,
    sockets,
    accepted: () => accepted,
    idle: () =>
      new Promise<void>((resolve) => {
        onIdle = resolve;
        if (sockets.size === 0) resolve();
      }),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
};
