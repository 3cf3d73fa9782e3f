import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import { errorView } from './http/error-view.js';

export type HttpListener = {
  readonly host: string;
  readonly port: number;
  /** Takes no new connections, lets requests in progress end, cuts what is left after `deadline` ms. Idempotent. */
  close(deadline: number): Promise<void>;
};

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

const refuseBytes = (server: Server): void => {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const sentence = tooLarge
      ? 'The request line and headers are larger than 16 KiB.'
      : 'The bytes received are not an HTTP request.';
    const view = errorView(new GatewayError('bad_request', sentence));
    const status = tooLarge ? 431 : 400;
    const body = JSON.stringify({ ...view, statusCode: status, error: STATUS_CODES[status] });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
};

/** Opens the HTTP listener. Port 0 takes a free one. Throws GatewayError config_invalid when the address cannot be had. */
export const listenHttp = async (
  handler: RequestListener,
  options: { readonly host: string; readonly port: number; readonly clock: Clock },
): Promise<HttpListener> => {
  const { host, port, clock } = options;
  let closing: Promise<void> | null = null;
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000, maxHeaderSize: 16_384 },
    (request, response) => {
      // A kept-alive connection must learn that it should not be used again; one whose request began before the close
      // is idle after its answer and would keep the server open until the peer lets go.
      if (closing !== null) response.setHeader('Connection', 'close');
      response.on('close', () => {
        if (closing !== null) setImmediate(() => server.closeIdleConnections());
      });
      handler(request, response);
    },
  );
  server.maxConnections = 10_000;
  refuseBytes(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((cause: unknown) => {
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const reasons: Record<string, string> = {
      EADDRINUSE: 'another program, maybe another gateway, listens there already',
      EACCES: 'the system does not allow it to this user',
      EADDRNOTAVAIL: 'this machine does not have that address',
    };
    const why = reasons[codeOf(cause) ?? ''] ?? (codeOf(cause) || 'the system refused it');
    throw new GatewayError('config_invalid', `HTTP cannot listen on ${address} (HTTP_LISTEN): ${why}.`, { cause });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string')
    throw new GatewayError('internal', 'The HTTP listener has no address.');

  const shut = (deadline: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.after(deadline, () => server.closeAllConnections());
      server.close(() => {
        timer.cancel();
        resolve();
      });
      server.closeIdleConnections();
    });

  return {
    host: bound.address,
    port: bound.port,
    close(deadline) {
      closing ??= shut(deadline);
      return closing;
    },
  };
};
