import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const tcpPort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

const udpFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });

/** A port that is free for TCP and UDP on `host` at this moment. */
export const freePort = async (host = '127.0.0.1'): Promise<number> => {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = await tcpPort(host);
    if (await udpFree(host, port)) return port;
  }
  throw new Error(`no port of ${host} is free for TCP and UDP`);
};

let nextRange = 0;

/**
 * A range of `size` ports for RTP that no other test process takes: ranges are dealt by process, below the ports the
 * system hands out by itself.
 */
export const rtpRange = (size = 200): { readonly from: number; readonly to: number } => {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % 8;
  const base = 10_000 + worker * 2_400 + (nextRange % 12) * size;
  nextRange += 1;
  return { from: base, to: base + size - 1 };
};
