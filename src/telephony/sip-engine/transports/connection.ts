import type { Socket } from 'node:net';
import type { EngineClock } from '../engine-clock.js';
import type { EngineLimits } from '../options.js';
import { createStreamFramer } from '../stream-framer.js';
import type { Flow, SendFailure, TransportName } from '../transport.js';
import { sendFailure } from './failure.js';
import { plainAddress } from './local-address.js';

export type Connection = {
  readonly flow: Flow;
  /** ms on the engine's clock of the last byte in or out. */
  readonly lastActivity: () => number;
  /** ms on the engine's clock of the last byte in, or of the beginning. */
  readonly lastReceived: () => number;
  /** False as soon as its end is decided. */
  readonly isOpen: () => boolean;
  /** Queues bytes; false when the connection has ended. */
  write(bytes: Buffer): boolean;
  /** Reads no more, lets an answer out and closes. */
  closeSoon(reason: SendFailure): void;
  destroy(reason: SendFailure): void;
};

export type ConnectionHandlers = {
  onFrame(frame: Buffer, connection: Connection): void;
  /** The stream cannot be read on; `head` as in FramerHandlers. The connection reads no more. */
  onBroken(reason: string, head: Buffer | undefined, connection: Connection): void;
  onClose(connection: Connection, reason: SendFailure): void;
};

export type ConnectionOptions = {
  id: number;
  transport: TransportName;
  /** Accepted connections must bring a first message in time; ours may wait for the peer's. */
  accepted: boolean;
  limits: EngineLimits;
  clock: EngineClock;
};

const pong = Buffer.from('\r\n');
/** Unsent bytes at which a peer that does not read is given up: some 15 of the largest messages. */
const maxUnsentBytes = 1_048_576;
/** For the answer to an unreadable stream to go out before the connection closes. */
const closingGrace = 200;

/** Makes a SIP connection of a connected TCP or TLS socket: framing, keep-alive pongs, time limits, one end. */
export const createConnection = (
  socket: Socket,
  { id, transport, accepted, limits, clock }: ConnectionOptions,
  handlers: ConnectionHandlers,
): Connection => {
  const flow: Flow = {
    transport,
    localAddress: plainAddress(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
    remoteAddress: plainAddress(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    connectionId: id,
  };
  let lastReceived = clock.now();
  let lastActivity = lastReceived;
  let endReason: SendFailure | undefined;
  let deadline: { cancel(): void } | undefined;

  const destroy = (reason: SendFailure): void => {
    endReason ??= reason;
    socket.destroy();
  };
  const startDeadline = (): void => {
    deadline ??= clock.after(limits.halfOpenTimeout, () =>
      destroy(sendFailure('timeout', `no complete message within ${limits.halfOpenTimeout} ms`)),
    );
  };
  const stopDeadline = (): void => {
    deadline?.cancel();
    deadline = undefined;
  };

  const connection: Connection = {
    flow,
    lastActivity: () => lastActivity,
    lastReceived: () => lastReceived,
    isOpen: () => endReason === undefined && socket.writable,
    write: (bytes) => {
      if (endReason !== undefined || !socket.writable) return false;
      lastActivity = clock.now();
      socket.write(bytes);
      if (socket.writableLength > maxUnsentBytes) destroy(sendFailure('closed', 'the peer does not read'));
      return true;
    },
    closeSoon: (reason) => {
      clock.after(closingGrace, () => {
        endReason ??= reason;
        socket.end();
        clock.after(closingGrace, () => destroy(reason));
      });
    },
    destroy,
  };

  const framer = createStreamFramer(limits, {
    onFrame: (frame) => {
      stopDeadline();
      handlers.onFrame(frame, connection);
    },
    onPing: () => {
      if (!framer.inMessage) stopDeadline();
      connection.write(pong);
    },
    onBroken: (reason, head) => {
      stopDeadline();
      handlers.onBroken(reason, head, connection);
    },
  });
  if (accepted) startDeadline();
  socket.on('data', (chunk) => {
    lastReceived = clock.now();
    lastActivity = lastReceived;
    framer.push(chunk);
    if (framer.inMessage) startDeadline();
  });
  socket.on('error', (error) => {
    endReason ??= sendFailure('closed', error.message);
  });
  socket.on('close', () => {
    stopDeadline();
    handlers.onClose(connection, endReason ?? sendFailure('closed', 'the peer closed the connection'));
  });
  return connection;
};
