import { createSocket, type Socket } from 'node:dgram';

/**
 * The outside of a 1:1 NAT for UDP: what reaches `address` on one of `ports` goes to the same port of `inside`, and what
 * comes back leaves from `address`. Each peer is a socket of its own towards the inside, so that answers find their way.
 */
export type Nat = {
  /** Datagrams that came in from outside, by port. */
  readonly received: ReadonlyMap<number, number>;
  close(): Promise<void>;
};

const bind = (address: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject);
      // A peer that is gone makes sends fail later; a NAT does not mind.
      socket.on('error', () => {});
      resolve(socket);
    });
  });

export const startNat = async (options: {
  readonly address: string;
  readonly inside: string;
  readonly ports: readonly number[];
}): Promise<Nat> => {
  const { address, inside } = options;
  const received = new Map<number, number>();
  const sockets: Socket[] = [];
  for (const port of options.ports) {
    const outside = await bind(address, port);
    sockets.push(outside);
    const ways = new Map<string, Promise<Socket>>();
    const wayOf = (peer: { readonly address: string; readonly port: number }): Promise<Socket> => {
      const key = `${peer.address}:${peer.port}`;
      const known = ways.get(key);
      if (known !== undefined) return known;
      const way = bind(inside, 0).then((socket) => {
        sockets.push(socket);
        socket.on('message', (bytes) => outside.send(bytes, peer.port, peer.address));
        return socket;
      });
      ways.set(key, way);
      return way;
    };
    outside.on('message', (bytes, peer) => {
      received.set(port, (received.get(port) ?? 0) + 1);
      void wayOf(peer).then((socket) => socket.send(bytes, port, inside));
    });
  }
  return {
    received,
    close: async () => {
      await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
    },
  };
};
