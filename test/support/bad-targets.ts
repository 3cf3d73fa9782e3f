import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { HttpsTarget } from './https-target.js';

export type BadBehaviour = {
  /** What the target does, as the end of "a target that". */
  readonly what: string;
  /** The error by which the run is known. */
  readonly error: 'timeout' | 'response_too_large' | 'headers_too_large' | 'bad_encoding' | 'connection_lost';
  readonly respond: HttpsTarget['respond'];
};

const bomb = gzipSync(Buffer.alloc(50_000_000));
const block = Buffer.alloc(65_536, 'x');

/** What a hostile or broken target does once it has been asked. */
export const badBehaviours: readonly BadBehaviour[] = [
  { what: 'hangs before its headers', error: 'timeout', respond: () => {} },
  {
    what: 'sends headers and then nothing',
    error: 'timeout',
    respond: (_request, response) => void response.writeHead(200).write('{'),
  },
  {
    what: 'drips its body',
    error: 'timeout',
    respond(_request, response) {
      const drip = setInterval(() => response.write('x'), 15);
      response.on('close', () => clearInterval(drip));
    },
  },
  {
    what: 'sends a body without end',
    error: 'response_too_large',
    respond(_request, response) {
      const pump = (): void => {
        if (response.destroyed) return;
        if (response.write(block)) setImmediate(pump);
        else response.once('drain', pump);
      };
      pump();
    },
  },
  {
    what: 'sends 20 MB',
    error: 'response_too_large',
    respond(_request, response) {
      let left = 20_000_000;
      response.writeHead(200, { 'content-length': left });
      const pump = (): void => {
        while (left > 0 && !response.destroyed) {
          const piece = block.subarray(0, Math.min(left, block.length));
          left -= piece.length;
          if (!response.write(piece)) {
            response.once('drain', pump);
            return;
          }
        }
        response.end();
      };
      pump();
    },
  },
  {
    what: 'sends a gzip bomb',
    error: 'response_too_large',
    respond: (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
  },
  {
    what: 'sends gzip that is none',
    error: 'bad_encoding',
    respond: (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('broken'),
  },
  {
    what: 'overflows its headers',
    error: 'headers_too_large',
    respond: (_request, response) => void response.writeHead(200, { 'x-big': 'x'.repeat(20_000) }).end(),
  },
  { what: 'hangs up', error: 'connection_lost', respond: (_request, response) => void response.destroy() },
];

export type StallingTarget = { readonly port: number; close(): Promise<void> };

/** Takes connections and says nothing, so that no TLS handshake ever ends. */
export const startStallingTarget = async (): Promise<StallingTarget> => {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.resume();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
