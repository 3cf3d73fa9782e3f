import { expect, it } from 'vitest';
import { originKeeper } from './origin-keeper.js';

const sdp = (origin: string, port: number): string => `v=0\r\no=${origin}\r\ns=-\r\nm=audio ${port} RTP/AVP 0\r\n`;

it('writes one origin over all that a peer is told, and counts its changes one by one', () => {
  const keep = originKeeper();
  const ours = (version: number): string => `- 4711 ${version} IN IP4 192.0.2.1`;
  const told = [
    [sdp(ours(1), 1000), sdp(ours(1), 1000)],
    // The same again, as a session refresh has it.
    [sdp(ours(1), 1000), sdp(ours(1), 1000)],
    // Somebody else's.
    [sdp('engine 99 7 IN IP4 198.51.100.1', 2000), sdp(ours(2), 2000)],
    [sdp('engine 99 8 IN IP4 198.51.100.1', 2000), sdp(ours(2), 2000)],
    // The first one's again: what was said before is a change, too.
    [sdp(ours(1), 1000), sdp(ours(3), 1000)],
    [sdp(ours(2), 1002), sdp(ours(4), 1002)],
  ] as const;
  for (const [made, said] of told) expect(keep(made)).toBe(said);
});

it('passes a version that is larger than a double on as it is', () => {
  const keep = originKeeper();
  keep(sdp('- 1 9007199254740993 IN IP4 192.0.2.1', 1000));
  expect(keep(sdp('x 2 1 IN IP4 192.0.2.2', 2))).toBe(sdp('- 1 9007199254740994 IN IP4 192.0.2.1', 2));
});
