import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const udpTaken = (port: number, address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(true));
    socket.bind(port, address, () => socket.close(() => resolve(false)));
  });

const tcpTaken = (port: number, address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(port, address, () => server.close(() => resolve(false)));
  });

/** Waits until someone holds the port: the only sign of readiness that a peer such as sipp gives. */
export const untilBound = async (port: number, address: string, transport: 'udp' | 'tcp', ms = 5000): Promise<void> => {
  const taken = transport === 'udp' ? udpTaken : tcpTaken;
  const deadline = Date.now() + ms;
  while (!(await taken(port, address))) {
    if (Date.now() > deadline) throw new Error(`nobody listens on ${transport}:${address}:${port} after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
