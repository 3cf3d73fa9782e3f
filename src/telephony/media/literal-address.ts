import { isIPv6, SocketAddress } from 'node:net';

/** An address as sockets write it, so that two are equal when their texts are: IPv6 has many ways to write one (RFC 5952). */
export const literalAddress = (address: string): string => {
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (!isIPv6(bare)) return bare;
  const written = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  return written.startsWith('::ffff:') && written.includes('.') ? written.slice(7) : written;
};
