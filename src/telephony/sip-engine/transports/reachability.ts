import { createSocket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import { textOf } from './failure.js';
import { isWildcard } from './local-address.js';

const probe = Buffer.from('\r\n\r\n');
/** A port that is closed says so within a round trip; silence after this means nothing, ms. */
const waitForIcmp = 300;

/**
 * Asks whether the system at an address refuses datagrams to a port. The kernel reports ICMP errors to connected
 * sockets only, and a listening point cannot be connected, so a socket of its own sends one CRLF keep-alive, which SIP
 * receivers ignore (RFC 3261 section 7.5).
 * @returns the kernel's error text when the port or host is unreachable, undefined when nothing came back.
 */
export const refusalOf = (address: string, port: number, localAddress: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = createSocket({
      type: isIPv6(address) ? 'udp6' : 'udp4',
      lookup: (host, _options, callback) => callback(null, host, isIP(host)),
    });
    const finish = (refusal: string | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(refusal);
    };
    // Real time on purpose: the wait is for the network, not for a timer of the protocol.
    const timer = setTimeout(() => finish(undefined), waitForIcmp);
    socket.once('error', (error) => finish(error.message));
    const probeNow = (): void => {
      try {
        socket.connect(port, address, (error?: Error) => {
          if (error === undefined) socket.send(probe);
        });
      } catch (error) {
        // Port 0, which only a peer's own words can bring us to.
        finish(textOf(error));
      }
    };
    if (isWildcard(localAddress)) probeNow();
    else socket.bind({ address: localAddress, port: 0 }, probeNow);
  });
