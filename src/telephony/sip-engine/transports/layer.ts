import type { Socket } from 'node:net';
import { type EngineClock, realClock } from '../engine-clock.js';
import { dropEscapedNames } from '../headers.js';
import { defaultLimits, type EngineLimits, type EngineOptions } from '../options.js';
import { parseSip } from '../parser.js';
import type {
  Flow,
  ListenPoint,
  SendFailure,
  Target,
  TransportHandlers,
  TransportLayer,
  TransportName,
} from '../transport.js';
import { markReceived } from '../via-route.js';
import { type Connections, createConnections } from './connections.js';
import { isSendFailure, sendFailure, textOf } from './failure.js';
import { createLocalAddresses, isWildcard } from './local-address.js';
import { refusalOf } from './reachability.js';
import { connectTcp, listenTcp, type StreamListener } from './tcp.js';
import { connectTls, listenTls, type TlsListener } from './tls.js';
import { openUdp, type UdpTransport } from './udp.js';

export type TransportLayerOptions = {
  listen: readonly ListenPoint[];
  limits?: Partial<EngineLimits>;
  tls?: EngineOptions['tls'];
  clock?: EngineClock;
  log?: EngineOptions['log'];
  /** How long an outgoing connection may take, TLS handshake included, ms. */
  connectTimeout?: number;
};

/** A request longer than this goes by TCP when the path MTU is not known (RFC 3261 section 18.1.1), bytes. */
const largestUdpRequest = 1_300;
/** How long the switch of a large request to TCP may delay it before UDP is used after all, ms. */
const switchTimeout = 2_000;
/** How long a target that refused TCP gets large requests by UDP at once, ms. */
const rememberRefusal = 300_000;
/** A peer that was silent for this long may be gone, ms. */
const silence = 60_000;
/** Bound of what is remembered of remote addresses, which come from outside. */
const maxRemembered = 10_000;

const isResponse = (bytes: Buffer): boolean => bytes.toString('latin1', 0, 4) === 'SIP/';

/**
 * Opens every listening point and joins UDP, TCP and TLS to one transport layer (RFC 3261 section 18).
 * Rejects with the system's error when a point cannot be bound; whatever was open by then is closed again.
 */
export const openTransportLayer = async (
  options: TransportLayerOptions,
  handlers: TransportHandlers,
): Promise<TransportLayer> => {
  const limits: EngineLimits = { ...defaultLimits, ...options.limits };
  const clock = options.clock ?? realClock;
  const log = options.log ?? (() => {});
  const connectTimeout = options.connectTimeout ?? 5_000;
  const udps: UdpTransport[] = [];
  const listeners: StreamListener[] = [];
  const tlsListeners: TlsListener[] = [];
  let { tls } = options;
  const local: ListenPoint[] = [];
  const localFor = createLocalAddresses(() => local, clock.now);
  /** When a datagram last came from an address and port: what speaks is not probed. */
  const heard = new Map<string, number>();
  const tcpRefused = new Map<string, number>();
  const heardLately = (key: string): boolean => (heard.get(key) ?? Number.NEGATIVE_INFINITY) > clock.now() - silence;
  const probing = new Set<string>();
  let closed = false;

  /** Parses and hands on one message; false when it is no SIP at all. */
  const receive = (bytes: Buffer, flow: Flow, framing: 'datagram' | 'stream'): boolean => {
    const result = parseSip(bytes, { framing, limits });
    try {
      if (result.ok) {
        dropEscapedNames(result.parsed.message);
        if (result.parsed.message.kind === 'request') markReceived(result.parsed, flow);
        handlers.onMessage(result.parsed, flow, bytes);
      } else {
        handlers.onInvalid({ reason: result.reason, status: result.status, partial: result.partial }, flow, bytes);
      }
    } catch (error) {
      // One hostile message must not end the calls of everybody else.
      log('error', { error: textOf(error), remote: flow.remoteAddress }, 'a received message could not be handled');
    }
    return result.ok || result.partial !== undefined;
  };

  const connections: Connections = createConnections({
    limits,
    clock,
    inUse: () => handlers.inUse?.() ?? new Set(),
    dial: (target, point, timeout): Promise<Socket> =>
      target.transport === 'tls' ? connectTls(target, point, tls, timeout) : connectTcp(target, point, timeout),
    handlers: {
      onFrame: (frame, connection) => {
        if (!receive(frame, connection.flow, 'stream')) connection.destroy(sendFailure('closed', 'bytes are not SIP'));
      },
      onBroken: (reason, head, connection) => {
        log('info', { remote: connection.flow.remoteAddress, reason }, 'connection closed: its stream cannot be read');
        const failure = sendFailure('closed', reason);
        if (head !== undefined && receive(head, connection.flow, 'stream')) connection.closeSoon(failure);
        else connection.destroy(failure);
      },
      onClose: (connection, reason) => {
        if (!closed) handlers.onFlowError(connection.flow, reason);
      },
    },
  });

  const admit = (socket: Socket): boolean => {
    // A peer that has gone again before it was accepted has no address any more.
    if (socket.remoteAddress === undefined) return false;
    if (!connections.admits(socket.remoteAddress)) {
      log('warn', { remote: socket.remoteAddress, open: connections.count }, 'connection refused: limit reached');
      return false;
    }
    connections.track(socket);
    return true;
  };
  const onListenerError = (error: Error): void => {
    log('error', { error: error.message }, 'listening point failed');
  };

  const openPoint = async (point: ListenPoint): Promise<void> => {
    if (point.transport === 'udp') {
      const udp = await openUdp(point, {
        onDatagram: (bytes, flow) => {
          if (heard.size >= maxRemembered) heard.clear();
          heard.set(`${flow.remoteAddress} ${flow.remotePort}`, clock.now());
          receive(bytes, flow, 'datagram');
        },
        onSocketError: onListenerError,
      });
      udps.push(udp);
      local.push(udp.local);
      return;
    }
    let listener: StreamListener;
    if (point.transport === 'tcp') {
      const onSocket = (socket: Socket): void => {
        if (admit(socket)) connections.accept(socket, 'tcp');
        else socket.destroy();
      };
      listener = await listenTcp(point, onSocket, onListenerError);
    } else {
      if (tls === undefined) throw new Error('a TLS listening point needs a certificate and its key');
      const secure = await listenTls(point, tls, limits.halfOpenTimeout, {
        onRawSocket: admit,
        onSocket: (socket) => connections.accept(socket, 'tls'),
        onHandshakeError: (error, remote) => log('info', { remote, error: error.message }, 'TLS handshake failed'),
        onError: onListenerError,
      });
      tlsListeners.push(secure);
      listener = secure;
    }
    listeners.push(listener);
    local.push(listener.local);
  };

  const udpAt = (address: string, port: number): UdpTransport | undefined =>
    udps.find((u) => u.local.port === port && (u.local.address === address || isWildcard(u.local.address)));

  const close = async (): Promise<void> => {
    closed = true;
    const stopped = listeners.map((listener) => listener.close());
    connections.close();
    await Promise.all([...stopped, ...udps.map((udp) => udp.close())]);
  };

  const sendByConnection = async (
    target: Target,
    point: ListenPoint,
    bytesFor: (transport: TransportName, local: ListenPoint) => Buffer,
    timeout: number,
  ): Promise<Flow> => {
    const connection = await connections.open(target, point, timeout);
    if (!connection.write(bytesFor(target.transport, point))) {
      throw sendFailure('closed', `the connection to ${target.address}:${target.port} has just ended`);
    }
    return connection.flow;
  };

  /** Sends a large UDP request by TCP instead; undefined when the target does not take it there (18.1.1). */
  const sendLargeByTcp = async (
    target: Target,
    bytesFor: (transport: TransportName, local: ListenPoint) => Buffer,
  ): Promise<Flow | undefined> => {
    const point = localFor('tcp', target.address);
    const key = `${target.address} ${target.port}`;
    if (point === undefined || (tcpRefused.get(key) ?? 0) > clock.now()) return undefined;
    try {
      const timeout = Math.min(switchTimeout, connectTimeout);
      return await sendByConnection({ ...target, transport: 'tcp' }, point, bytesFor, timeout);
    } catch (error) {
      if (!isSendFailure(error)) throw error;
      if (tcpRefused.size >= maxRemembered) tcpRefused.clear();
      tcpRefused.set(key, clock.now() + rememberRefusal);
      log('debug', { remote: target.address, error: error.detail }, 'large request goes by UDP: TCP was refused');
      return undefined;
    }
  };

  const sendRequest: TransportLayer['sendRequest'] = async (target, bytesFor) => {
    if (closed) throw sendFailure('closed', 'the transport layer is closed');
    const { transport, address, port } = target;
    const point = localFor(transport, address);
    if (point === undefined) throw sendFailure('unreachable', `no ${transport} listening point reaches ${address}`);
    if (transport !== 'udp') return sendByConnection(target, point, bytesFor, connectTimeout);
    const bytes = bytesFor('udp', point);
    if (bytes.length > largestUdpRequest) {
      const flow = await sendLargeByTcp(target, bytesFor);
      if (flow !== undefined) return flow;
    }
    const udp = udpAt(point.address, point.port);
    if (udp === undefined) throw sendFailure('closed', 'the UDP listening point is closed');
    await udp.send(bytes, address, port);
    return {
      transport: 'udp',
      localAddress: point.address,
      localPort: point.port,
      remoteAddress: address,
      remotePort: port,
      connectionId: undefined,
    };
  };

  /** A UDP request sent again has had no answer yet: finds out whether anybody is there. */
  const probe = async (flow: Flow): Promise<void> => {
    const key = `${flow.remoteAddress} ${flow.remotePort}`;
    if (heardLately(key) || probing.has(key)) return;
    probing.add(key);
    const refusal = await refusalOf(flow.remoteAddress, flow.remotePort, flow.localAddress);
    probing.delete(key);
    if (refusal !== undefined && !heardLately(key) && !closed) {
      handlers.onFlowError(flow, sendFailure('unreachable', refusal));
    }
  };

  const fail = (flow: Flow, error: unknown): void => {
    if (closed) return;
    const failure: SendFailure = isSendFailure(error) ? error : sendFailure('unreachable', textOf(error));
    handlers.onFlowError(flow, failure);
  };

  const sendOn: TransportLayer['sendOn'] = (flow, bytes, fallback) => {
    if (closed) return;
    if (flow.transport === 'udp') {
      const udp = udpAt(flow.localAddress, flow.localPort);
      if (udp === undefined) return fail(flow, sendFailure('closed', 'the UDP listening point is closed'));
      udp.send(bytes, flow.remoteAddress, flow.remotePort).catch((error) => fail(flow, error));
      if (!isResponse(bytes)) void probe(flow);
      return;
    }
    const connection = flow.connectionId === undefined ? undefined : connections.byId(flow.connectionId);
    if (connection?.write(bytes)) return;
    const point = fallback === undefined ? undefined : localFor(fallback.transport, fallback.address);
    if (fallback === undefined || point === undefined) {
      // Not at once: the caller is in the middle of sending, and its own state must settle before it hears of the end.
      queueMicrotask(() => fail(flow, sendFailure('closed', 'the connection has ended')));
      return;
    }
    sendByConnection(fallback, point, () => bytes, connectTimeout).catch((error) => fail(flow, error));
  };

  const closeIfSilent: TransportLayer['closeIfSilent'] = (flow, since) => {
    const connection = flow.connectionId === undefined ? undefined : connections.byId(flow.connectionId);
    if (connection === undefined || connection.lastReceived() > since) return;
    log('info', { remote: flow.remoteAddress }, 'connection closed: nothing comes back on it');
    connection.destroy(sendFailure('timeout', 'nothing comes back on the connection'));
  };

  const renewTls: TransportLayer['renewTls'] = (material) => {
    for (const listener of tlsListeners) listener.renew(material);
    tls = material;
  };

  try {
    for (const point of options.listen) await openPoint(point);
  } catch (error) {
    await close();
    throw error;
  }
  return { local, sendRequest, sendOn, closeIfSilent, localFor, renewTls, close };
};
