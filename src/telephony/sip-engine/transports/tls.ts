import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, createServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { EngineOptions } from '../options.js';
import type { ListenPoint, Target } from '../transport.js';
import { keepAliveDelay, listenOn, type StreamListener, sourceOf, whenConnected } from './tcp.js';

export type TlsMaterial = NonNullable<EngineOptions['tls']>;

export type TlsServerHandlers = {
  /** A raw connection, before its handshake; false refuses it. */
  onRawSocket(socket: Socket): boolean;
  onSocket(socket: TLSSocket): void;
  onHandshakeError(error: Error, remoteAddress: string): void;
  onError(error: Error): void;
};

/**
 * Opens a TLS listening point, TLS 1.2 and later. With a `ca` clients are asked for a certificate; none is fine, one
 * that the `ca` did not sign is not. The handshake must be done within `handshakeTimeout` ms.
 */
export const listenTls = async (
  point: ListenPoint,
  material: TlsMaterial,
  handshakeTimeout: number,
  handlers: TlsServerHandlers,
): Promise<StreamListener> => {
  const server = createServer({
    cert: material.cert,
    key: material.key,
    ...(material.ca === undefined ? {} : { ca: material.ca, requestCert: true }),
    // Decided below, since a client without any certificate is welcome.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    handshakeTimeout,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelay,
  });
  server.on('connection', (socket: Socket) => {
    if (!handlers.onRawSocket(socket)) socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    const presented = material.ca !== undefined && Object.keys(socket.getPeerCertificate()).length > 0;
    if (presented && !socket.authorized && material.rejectUnauthorized !== false) {
      const why = socket.authorizationError?.message ?? 'client certificate is not trusted';
      handlers.onHandshakeError(new Error(why), socket.remoteAddress ?? '');
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    handlers.onSocket(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    handlers.onHandshakeError(error, socket.remoteAddress ?? '');
    socket.destroy();
  });
  const listener = await listenOn(server, point);
  server.on('error', handlers.onError);
  return listener;
};

/**
 * Checks that a certificate is for the host a target was resolved from: by its DNS and IP names as for HTTPS, or by a
 * `sip:` URI name of the same domain (RFC 5922 section 7.1).
 */
const checkSipIdentity = (host: string, certificate: PeerCertificate): Error | undefined => {
  const names = (certificate.subjectaltname ?? '').split(', ');
  if (names.includes(`URI:sip:${host.toLowerCase()}`)) return undefined;
  return checkServerIdentity(host, certificate);
};

/** Opens a TLS connection to a target and checks its certificate against `target.host`. Rejects with SendFailure. */
export const connectTls = (
  target: Target,
  local: ListenPoint,
  material: TlsMaterial | undefined,
  timeout: number,
): Promise<TLSSocket> => {
  const socket = connect({
    host: target.address,
    port: target.port,
    minVersion: 'TLSv1.2',
    // A server name extension must not hold an address (RFC 6066 section 3).
    ...(isIP(target.host) ? {} : { servername: target.host }),
    ...(material === undefined ? {} : { cert: material.cert, key: material.key }),
    ...(material?.ca === undefined ? {} : { ca: material.ca }),
    rejectUnauthorized: material?.rejectUnauthorized !== false,
    checkServerIdentity: (_host, certificate) => checkSipIdentity(target.host, certificate),
    ...sourceOf(local),
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveDelay);
  return whenConnected(socket, 'secureConnect', target, timeout);
};
