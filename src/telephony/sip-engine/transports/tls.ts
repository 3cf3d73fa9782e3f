import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { TlsMaterial } from '../options.js';
import type { ListenPoint, Target } from '../transport.js';
import { keepAliveDelay, listenOn, type StreamListener, sourceOf, whenConnected } from './tcp.js';

export type TlsListener = StreamListener & {
  /** What connections from now on are accepted with; those that are open stay. Throws when it is no such material. */
  renew(material: TlsMaterial): void;
};

const minVersion = 'TLSv1.2';

const offered = ({ cert, key, ca }: TlsMaterial) =>
  ({ cert, key, minVersion, ...(ca === undefined ? {} : { ca }) }) as const;

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
  given: TlsMaterial,
  handshakeTimeout: number,
  handlers: TlsServerHandlers,
): Promise<TlsListener> => {
  let material = given;
  const server = createServer({
    ...offered(material),
    ...(material.ca === undefined ? {} : { requestCert: true }),
    // Decided below, since a client without any certificate is welcome.
    rejectUnauthorized: false,
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
  return {
    ...listener,
    renew: (next) => {
      server.setSecureContext(offered(next));
      material = next;
    },
  };
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

/** What we connect with. */
export type ClientTls = Partial<TlsMaterial>;

/** Made once for each material: to read the system's authorities takes some ms. */
const contexts = new WeakMap<ClientTls, SecureContext>();

const contextOf = (material: ClientTls): SecureContext => {
  const known = contexts.get(material);
  if (known !== undefined) return known;
  const { cert, key, ca, authorities } = material;
  const trusted = ca ?? (authorities === undefined ? undefined : [...rootCertificates, authorities]);
  const context = createSecureContext({
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(trusted === undefined ? {} : { ca: trusted }),
    minVersion,
  });
  contexts.set(material, context);
  return context;
};

/** Opens a TLS connection to a target and checks its certificate against `target.host`. Rejects with SendFailure. */
export const connectTls = (
  target: Target,
  local: ListenPoint,
  material: ClientTls | undefined,
  timeout: number,
): Promise<TLSSocket> => {
  const socket = connect({
    host: target.address,
    port: target.port,
    minVersion,
    // A server name extension must not hold an address (RFC 6066 section 3).
    ...(isIP(target.host) ? {} : { servername: target.host }),
    ...(material === undefined ? {} : { secureContext: contextOf(material) }),
    rejectUnauthorized: material?.rejectUnauthorized !== false,
    checkServerIdentity: (_host, certificate) => checkSipIdentity(target.host, certificate),
    ...sourceOf(local),
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveDelay);
  return whenConnected(socket, 'secureConnect', target, timeout);
};
