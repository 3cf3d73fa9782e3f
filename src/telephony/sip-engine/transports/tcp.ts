import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { ListenPoint, Target } from '../transport.js';
import { sendFailure, textOf } from './failure.js';
import { isWildcard } from './local-address.js';

/**
 * How long a connection may be silent before the kernel asks whether the peer is there, ms. Firewalls forget connections
 * after some minutes, and a dialog's later requests need theirs; the kernel's own default is two hours.
 */
export const keepAliveDelay = 60_000;

export type StreamListener = { readonly local: ListenPoint; close(): Promise<void> };

/** Starts a server on a listening point; shared by TCP and TLS. Rejects when it cannot be bound. */
export const listenOn = (server: Server, point: ListenPoint): Promise<StreamListener> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: point.address, port: point.port, ipv6Only: isIPv6(point.address), backlog: 1_024 }, () => {
      server.off('error', reject);
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : point.port;
      resolve({
        local: { ...point, port },
        close: () => new Promise((done) => server.close(() => done())),
      });
    });
  });

/** Opens a TCP listening point; every connection is handed to `onSocket`. */
export const listenTcp = async (
  point: ListenPoint,
  onSocket: (socket: Socket) => void,
  onError: (error: Error) => void,
): Promise<StreamListener> => {
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelay }, onSocket);
  const listener = await listenOn(server, point);
  server.on('error', onError);
  return listener;
};

/** What `connect` needs to leave from the address that our Via names; wildcard addresses leave it to the kernel. */
export const sourceOf = (local: ListenPoint): { localAddress?: string } =>
  isWildcard(local.address) ? {} : { localAddress: local.address };

/**
 * Waits until a connecting socket is ready (`readyEvent`), at most `timeout` ms.
 * Rejects with SendFailure; the socket is destroyed then.
 */
export const whenConnected = <S extends Socket>(
  socket: S,
  readyEvent: 'connect' | 'secureConnect',
  target: Target,
  timeout: number,
): Promise<S> =>
  new Promise((resolve, reject) => {
    const where = `${target.transport} ${target.address}:${target.port}`;
    let connected = false;
    const done = (): void => {
      clearTimeout(timer);
      socket.off('error', onError);
    };
    // Real time on purpose: this waits for a peer and the kernel, not for a timer of the protocol.
    const timer = setTimeout(() => {
      done();
      socket.on('error', () => {});
      socket.destroy();
      reject(sendFailure('timeout', `no connection to ${where} within ${timeout} ms`));
    }, timeout);
    const onError = (error: Error): void => {
      done();
      socket.destroy();
      reject(sendFailure(connected && readyEvent === 'secureConnect' ? 'tls' : 'unreachable', textOf(error)));
    };
    socket.on('error', onError);
    if (readyEvent === 'secureConnect') socket.once('connect', () => (connected = true));
    socket.once(readyEvent, () => {
      done();
      resolve(socket);
    });
  });

/** Opens a TCP connection to a target. Rejects with SendFailure. */
export const connectTcp = (target: Target, local: ListenPoint, timeout: number): Promise<Socket> => {
  const socket = connect({
    host: target.address,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelay,
    ...sourceOf(local),
  });
  return whenConnected(socket, 'connect', target, timeout);
};
