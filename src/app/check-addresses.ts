import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { GatewayError } from '../core/errors.js';
import type { Config } from './config.js';

/** Whether this machine has the address: the system lets a socket be bound to it. */
const isOurs = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    socket.once('error', () => resolve(false));
    socket.bind(0, address, () => socket.close(() => resolve(true)));
  });

/**
 * Media ports are opened call by call, so an address that is not ours would only show when the first caller hears
 * nothing. Throws GatewayError config_invalid.
 */
export const checkMediaAddress = async (config: Pick<Config, 'rtp'>): Promise<void> => {
  const { address } = config.rtp;
  if (isIP(address) === 0) {
    throw new GatewayError(
      'config_invalid',
      `RTP_ADDRESS: "${address}" is a name; media is received on an IP address.`,
    );
  }
  if (!(await isOurs(address))) {
    throw new GatewayError('config_invalid', `RTP_ADDRESS: ${address} is not an address of this machine.`);
  }
};
