import { createSocket, type Socket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import type { Flow, ListenPoint } from '../transport.js';
import { sendFailure, textOf } from './failure.js';
import { plainAddress } from './local-address.js';

export type UdpTransport = {
  readonly local: ListenPoint;
  /** Bytes of the kernel's receive buffer, as granted. */
  readonly receiveBufferBytes: number;
  /** Hands a datagram to the kernel. Rejects with SendFailure when the kernel refuses it. */
  send(bytes: Buffer, address: string, port: number): Promise<void>;
  close(): Promise<void>;
};

export type UdpHandlers = {
  onDatagram(bytes: Buffer, flow: Flow): void;
  onSocketError(error: Error): void;
};

/** What the kernel is asked for: half a second of 1,000 calls a second; it grants up to net.core.rmem_max. */
const wantedReceiveBuffer = 8 * 1024 * 1024;
const largestDatagram = 65_507;

/**
 * True for what keeps a NAT binding open and says nothing: line ends, NUL bytes, an empty datagram (RFC 3261 section
 * 7.5 tells to ignore the first, devices send the others).
 */
const isKeepAlive = (bytes: Buffer): boolean => {
  const first = bytes[0];
  if (first !== undefined && first !== 13 && first !== 10 && first !== 0) return false;
  return bytes.every((b) => b === 13 || b === 10 || b === 0);
};

const bound = (socket: Socket, point: ListenPoint): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: point.address, port: point.port }, () => {
      socket.off('error', reject);
      resolve();
    });
  });

/** Opens a UDP listening point. Rejects when it cannot be bound. */
export const openUdp = async (point: ListenPoint, handlers: UdpHandlers): Promise<UdpTransport> => {
  const v6 = isIPv6(point.address);
  const socket = createSocket({
    type: v6 ? 'udp6' : 'udp4',
    ipv6Only: v6,
    // Only addresses come here; Node's default would queue each of them through its DNS look-up.
    lookup: (address, _options, callback) => callback(null, address, isIP(address)),
  });
  await bound(socket, point);
  try {
    socket.setRecvBufferSize(wantedReceiveBuffer);
  } catch {
    // The system's default size remains; `receiveBufferBytes` tells.
  }
  const local: ListenPoint = { ...point, port: socket.address().port };
  socket.on('error', handlers.onSocketError);
  socket.on('message', (bytes, from) => {
    if (isKeepAlive(bytes)) return;
    handlers.onDatagram(bytes, {
      transport: 'udp',
      localAddress: local.address,
      localPort: local.port,
      remoteAddress: plainAddress(from.address),
      remotePort: from.port,
      connectionId: undefined,
    });
  });
  let closed = false;
  return {
    local,
    receiveBufferBytes: socket.getRecvBufferSize(),
    send: (bytes, address, port) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(sendFailure('closed', 'the UDP listening point is closed'));
        if (bytes.length > largestDatagram) {
          return reject(sendFailure('too-large', `${bytes.length} bytes do not fit into one datagram`));
        }
        try {
          socket.send(bytes, port, address, (error) => {
            if (error) reject(sendFailure('unreachable', textOf(error)));
            else resolve();
          });
        } catch (error) {
          reject(sendFailure('unreachable', textOf(error)));
        }
      }),
    close: () =>
      new Promise((resolve) => {
        if (closed) return resolve();
        closed = true;
        socket.close(() => resolve());
      }),
  };
};
