import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';

/** The address of this machine from which `host` is reached: nothing is sent, the kernel is only asked for the route. */
export const localAddressTowards = async (host: string): Promise<string> => {
  const { address, family } = await lookup(host.replace(/^\[|\]$/g, ''));
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(9, address, () => resolve(socket.address().address));
    });
  } finally {
    socket.close();
  }
};
