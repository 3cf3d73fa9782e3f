import type { Socket } from 'node:net';
import type { EngineClock } from '../engine-clock.js';
import type { EngineLimits } from '../options.js';
import type { ListenPoint, SendFailure, Target, TransportName } from '../transport.js';
import { type Connection, type ConnectionHandlers, createConnection } from './connection.js';
import { sendFailure } from './failure.js';
import { plainAddress } from './local-address.js';

export type Connections = {
  /** Connections open or in their handshake. */
  readonly count: number;
  /** True when one more connection of this address is within the limits; a refusal is counted by the caller. */
  admits(remoteAddress: string): boolean;
  /** Counts an accepted socket until it closes, before its handshake too. */
  track(socket: Socket): void;
  /** Makes an accepted socket a connection. */
  accept(socket: Socket, transport: TransportName): void;
  byId(id: number): Connection | undefined;
  /** An open connection to the target, the one that is just being opened, or a new one. Rejects with SendFailure. */
  open(target: Target, local: ListenPoint, timeout: number): Promise<Connection>;
  close(): void;
};

export type ConnectionsOptions = {
  limits: EngineLimits;
  clock: EngineClock;
  /** Opens a socket for a target; rejects with SendFailure. */
  dial(target: Target, local: ListenPoint, timeout: number): Promise<Socket>;
  handlers: ConnectionHandlers;
  /** Ids of connections that stay open however idle they are. */
  inUse(): ReadonlySet<number>;
};

/**
 * What a connection may be used again for. A TLS connection is good for the host whose certificate was checked; one
 * that the peer opened is good for that address alone.
 */
const reuseKey = (transport: TransportName, address: string, port: number, host: string): string =>
  transport === 'tls' ? `tls ${address} ${port} ${host}` : `${transport} ${address} ${port}`;

/** Holds the TCP and TLS connections: limits, re-use by address (RFC 3261 section 18), end of the idle ones. */
export const createConnections = ({ limits, clock, dial, handlers, inUse }: ConnectionsOptions): Connections => {
  const byId = new Map<number, Connection>();
  const byPeer = new Map<string, Connection>();
  const opening = new Map<string, Promise<Connection>>();
  /** Accepted sockets, by address of the peer. */
  const perAddress = new Map<string, number>();
  const sockets = new Set<Socket>();
  let nextId = 1;
  let closed = false;

  const register = (socket: Socket, transport: TransportName, host: string | undefined): Connection => {
    const id = nextId++;
    const options = { id, transport, accepted: host === undefined, limits, clock };
    let key = '';
    const connection = createConnection(socket, options, {
      ...handlers,
      onClose: (ended, reason) => {
        byId.delete(id);
        if (byPeer.get(key) === ended) byPeer.delete(key);
        handlers.onClose(ended, reason);
      },
    });
    const { remoteAddress, remotePort } = connection.flow;
    key = reuseKey(transport, remoteAddress, remotePort, host ?? remoteAddress);
    byId.set(id, connection);
    byPeer.set(key, connection);
    return connection;
  };

  const track = (socket: Socket): void => {
    const address = plainAddress(socket.remoteAddress ?? '');
    sockets.add(socket);
    perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
    // Sockets in their handshake have no other listener, and an error without one would end the process.
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    });
  };

  const openNew = async (target: Target, local: ListenPoint, timeout: number): Promise<Connection> => {
    if (sockets.size >= limits.maxConnections) {
      throw sendFailure('unreachable', `the limit of ${limits.maxConnections} connections is reached`);
    }
    const socket = await dial(target, local, timeout);
    if (closed) {
      socket.destroy();
      throw sendFailure('closed', 'the transport layer is closed');
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return register(socket, target.transport, target.host);
  };

  const idle: SendFailure = sendFailure('closed', `idle for ${limits.idleTimeout} ms`);
  const sweepEvery = Math.max(1_000, Math.min(limits.idleTimeout / 4, 30_000));
  let sweep = clock.after(sweepEvery, function closeIdle() {
    const oldest = clock.now() - limits.idleTimeout;
    const old = [...byId].filter(([, connection]) => connection.lastActivity() <= oldest);
    const used = old.length === 0 ? null : inUse();
    for (const [id, connection] of old) if (used?.has(id) !== true) connection.destroy(idle);
    sweep = clock.after(sweepEvery, closeIdle);
  });

  return {
    get count() {
      return sockets.size;
    },
    admits: (remoteAddress) =>
      !closed &&
      sockets.size < limits.maxConnections &&
      (perAddress.get(plainAddress(remoteAddress)) ?? 0) < limits.maxConnectionsPerAddress,
    track,
    accept: (socket, transport) => {
      register(socket, transport, undefined);
    },
    byId: (id) => byId.get(id),
    open: (target, local, timeout) => {
      if (closed) return Promise.reject(sendFailure('closed', 'the transport layer is closed'));
      const key = reuseKey(target.transport, target.address, target.port, target.host);
      const existing = byPeer.get(key);
      if (existing?.isOpen()) return Promise.resolve(existing);
      const underWay = opening.get(key);
      if (underWay !== undefined) return underWay;
      const fresh = openNew(target, local, timeout).finally(() => opening.delete(key));
      opening.set(key, fresh);
      return fresh;
    },
    close: () => {
      closed = true;
      sweep.cancel();
      for (const connection of [...byId.values()]) connection.destroy(sendFailure('closed', 'the engine stops'));
      for (const socket of sockets) socket.destroy();
    },
  };
};
