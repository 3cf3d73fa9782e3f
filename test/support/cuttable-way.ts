import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export type CuttableWay = {
  readonly port: number;
  /** Connections ever accepted; over TLS those whose handshake succeeded. */
  accepted(): number;
  /** Bytes that came back from the port. */
  returned(): number;
  /** From now on nothing comes back over the connections there are, and nobody is told. */
  stall(): void;
  /** Breaks every connection. */
  cut(): void;
  close(): void;
};

/** A way to a port of this machine that a test can cut; `tls` makes its near end TLS. */
export const cuttableWay = async (
  target: () => number,
  tls?: { readonly cert: string; readonly key: string },
): Promise<CuttableWay> => {
  const sockets = new Set<Socket>();
  const returning = new Set<Socket>();
  let accepted = 0;
  let returned = 0;
  const accept = (near: Socket): void => {
    accepted += 1;
    const far = connect(target(), '127.0.0.1');
    returning.add(far);
    far.on('data', (data: Buffer) => {
      returned += data.length;
    });
    far.on('close', () => returning.delete(far));
    for (const [a, b] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(a);
      a.pipe(b);
      a.on('error', () => {});
      a.on('close', () => {
        sockets.delete(a);
        b.destroy();
      });
    }
  };
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    returned: () => returned,
    stall: () => {
      for (const far of returning) far.unpipe().pause();
    },
    cut,
    close: () => {
      cut();
      server.close();
    },
  };
};
