import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** One HEP packet by its chunks, read by the letter of the specification and nothing of ours. */
export type HepPacket = {
  /** By chunk type; a packet with a chunk of a vendor, or twice the same, is refused. */
  readonly chunks: ReadonlyMap<number, Buffer>;
  number(type: number): number | null;
  text(type: number): string | null;
};

export const parseHep = (packet: Buffer): HepPacket => {
  if (packet.toString('latin1', 0, 4) !== 'HEP3') throw new Error('no HEP3 packet');
  if (packet.readUInt16BE(4) !== packet.length) throw new Error('the length is wrong');
  const chunks = new Map<number, Buffer>();
  for (let at = 6; at < packet.length; ) {
    const [vendor, type, length] = [packet.readUInt16BE(at), packet.readUInt16BE(at + 2), packet.readUInt16BE(at + 4)];
    if (vendor !== 0 || length < 6 || at + length > packet.length || chunks.has(type)) throw new Error('a bad chunk');
    chunks.set(type, packet.subarray(at + 6, at + length));
    at += length;
  }
  return {
    chunks,
    number: (type) => {
      const value = chunks.get(type);
      return value === undefined ? null : value.readUIntBE(0, value.length);
    },
    text: (type) => chunks.get(type)?.toString() ?? null,
  };
};

/** Homer, as far as it receives. */
export type HepReceiver = { readonly port: number; readonly packets: readonly HepPacket[]; close(): void };

export const startHepReceiver = async (): Promise<HepReceiver> => {
  const packets: HepPacket[] = [];
  const socket = createSocket('udp4', (message) => packets.push(parseHep(message)));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let open = true;
  const close = (): void => {
    if (open) socket.close();
    open = false;
  };
  return { port: (socket.address() as AddressInfo).port, packets, close };
};
