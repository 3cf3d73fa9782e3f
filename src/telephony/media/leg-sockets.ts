import dgram from 'node:dgram';
import { isIP } from 'node:net';
import { GatewayError } from '../../core/errors.js';

/** The pair of UDP sockets of a leg: RTP on an even port, RTCP on the odd one above (RFC 3550 section 11). */
export type LegSockets = {
  /** `address` is a literal of the sockets' family. Errors of a single datagram are counted, not thrown. */
  sendRtp(packet: Buffer, port: number, address: string): void;
  sendRtcp(packet: Buffer, port: number, address: string): void;
  /** Datagrams the system refused to take. */
  readonly sendErrors: number;
  /** Resolves when both ports are free again. */
  close(): Promise<void>;
};

export type DatagramHandler = (message: Buffer, address: string, port: number) => void;

/**
 * Node resolves the address of every datagram sent, also a literal, through a callback in the next turn; answering at
 * once saves a fifth of the cost of a packet.
 */
const literalLookup = (
  host: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void => callback(null, host, isIPv6Literal(host) ? 6 : 4);

const isIPv6Literal = (host: string): boolean => host.includes(':');

const openSocket = (address: string, port: number, onMessage: DatagramHandler, onError: () => void) =>
  new Promise<dgram.Socket>((resolve, reject) => {
    const socket = dgram.createSocket({
      type: isIP(address) === 6 ? 'udp6' : 'udp4',
      // The types know dns.lookup's overloads only; dgram calls it with exactly these three.
      lookup: literalLookup as never,
    });
    const failed = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', failed);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', failed);
      // An ICMP error or a full buffer concerns one datagram; without a listener it would end the worker.
      socket.on('error', onError);
      socket.on('message', (message, from) => onMessage(message, from.address, from.port));
      resolve(socket);
    });
  });

const closeSocket = (socket: dgram.Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.removeAllListeners('message');
    socket.close(() => resolve());
  });

/**
 * Binds `port` and `port + 1`. Resolves with null when either is held by somebody else.
 *
 * @throws GatewayError config_invalid when the address is not this machine's.
 */
export const openLegSockets = async (
  address: string,
  port: number,
  handlers: { readonly rtp: DatagramHandler; readonly rtcp: DatagramHandler },
): Promise<LegSockets | null> => {
  let sendErrors = 0;
  const countError = (): void => {
    sendErrors += 1;
  };
  const [rtp, rtcp] = await Promise.allSettled([
    openSocket(address, port, handlers.rtp, countError),
    openSocket(address, port + 1, handlers.rtcp, countError),
  ]);
  if (rtp.status === 'rejected' || rtcp.status === 'rejected') {
    if (rtp.status === 'fulfilled') await closeSocket(rtp.value);
    if (rtcp.status === 'fulfilled') await closeSocket(rtcp.value);
    const reason: unknown = rtp.status === 'rejected' ? rtp.reason : rtcp.status === 'rejected' ? rtcp.reason : null;
    const code = reason instanceof Error && 'code' in reason ? reason.code : null;
    if (code === 'EADDRINUSE' || code === 'EACCES') return null;
    throw new GatewayError('config_invalid', `RTP cannot listen on ${address} port ${port}: ${String(reason)}.`, {
      cause: reason,
    });
  }
  const [rtpSocket, rtcpSocket] = [rtp.value, rtcp.value];
  let closing: Promise<void> | null = null;

  const send = (socket: dgram.Socket, packet: Buffer, toPort: number, toAddress: string): void => {
    if (closing !== null) return;
    try {
      socket.send(packet, toPort, toAddress);
    } catch {
      countError();
    }
  };

  return {
    sendRtp: (packet, toPort, toAddress) => send(rtpSocket, packet, toPort, toAddress),
    sendRtcp: (packet, toPort, toAddress) => send(rtcpSocket, packet, toPort, toAddress),
    get sendErrors() {
      return sendErrors;
    },
    close() {
      closing ??= Promise.all([closeSocket(rtpSocket), closeSocket(rtcpSocket)]).then(() => {});
      return closing;
    },
  };
};
