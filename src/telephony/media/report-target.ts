import { type MediaLatch, plainAddress } from './media-latch.js';
import type { NegotiatedMedia } from './sdp/negotiation.js';

/**
 * Where reports go: beside the media, unless the peer's own reports show another port.
 *
 * @param seenPort the port the peer's reports come from, 0 before the first
 */
export const reportTarget = (
  { remote, rtcpMux }: Pick<NegotiatedMedia, 'remote' | 'rtcpMux'>,
  latch: Pick<MediaLatch, 'address' | 'port'>,
  seenPort: number,
): { readonly address: string; readonly port: number } => {
  const latched = latch.address;
  const moved = latched !== null && plainAddress(latched) !== remote.address;
  const address = moved ? latched : remote.rtcpAddress;
  if (rtcpMux) return { address, port: latched === null ? remote.port : latch.port };
  if (seenPort !== 0) return { address, port: seenPort };
  return { address, port: moved ? latch.port + 1 : remote.rtcpPort };
};
