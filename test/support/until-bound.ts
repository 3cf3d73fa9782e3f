import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

type Transport = 'udp' | 'tcp';

/** State of a listening TCP socket and of an unconnected UDP one in Linux' tables (proc_net_tcp(5)). */
const open = { tcp: '0A', udp: '07' } as const;

/** `127.0.0.1` as the kernel prints it on a little-endian machine: 0100007F. */
const kernelForm = (address: string): string =>
  address
    .split('.')
    .reverse()
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();

/** Looks without touching: to bind a port for a moment is to take it from a peer that binds it in that moment. */
const listed = (port: number, address: string, transport: Transport): boolean => {
  const wanted = port.toString(16).padStart(4, '0').toUpperCase();
  const hosts = new Set([kernelForm(address), '00000000']);
  return readFileSync(`/proc/net/${transport}`, 'utf8')
    .split('\n')
    .some((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [host = '', own] = local.split(':');
      return own === wanted && hosts.has(host) && state === open[transport];
    });
};

const bindable = (port: number, address: string, transport: Transport): Promise<boolean> =>
  new Promise((resolve) => {
    if (transport === 'udp') {
      const socket = createSocket('udp4');
      socket.once('error', () => resolve(false));
      socket.bind(port, address, () => socket.close(() => resolve(true)));
      return;
    }
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });

const isBound = async (port: number, address: string, transport: Transport): Promise<boolean> =>
  existsSync('/proc/net/udp') ? listed(port, address, transport) : !(await bindable(port, address, transport));

/** Waits until someone holds the port: the only sign of readiness that a peer such as sipp gives. */
export const untilBound = async (port: number, address: string, transport: Transport, ms = 10_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!(await isBound(port, address, transport))) {
    if (Date.now() > deadline) throw new Error(`nobody listens on ${transport}:${address}:${port} after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
