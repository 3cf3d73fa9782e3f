/** What a telephone hears, told by the tones in the packets it received. */
import { toneLevel } from './goertzel.js';
import type { RtpPeer } from './rtp-peer.js';

/** Level above which a tone counts as there, dB below full scale: the tones of the tests are played at -10. */
const there = -25;
/** Samples of 20 ms. */
const packet = 160;

/** True while each of the last three packets (60 ms) the peer heard has this tone in it. */
export const hears = (peer: RtpPeer, hz: number): boolean => {
  const last = peer.heard(Math.max(0, peer.packets.length - 10)).slice(-3 * packet);
  if (last.length < 3 * packet) return false;
  return [0, 1, 2].every((n) => toneLevel(last.subarray(n * packet, (n + 1) * packet), hz) > there);
};

/** When the first packet with a tone in it came, by `performance.now`, among the packets from this one on; null: none. */
export const firstHeard = (peer: RtpPeer, hz: number, from = 0): number | null => {
  const audio = peer.packets.slice(from).filter(({ payloadType }) => payloadType !== 101);
  const samples = peer.heard(from);
  const found = audio.findIndex((_, n) => toneLevel(samples.subarray(n * packet, (n + 1) * packet), hz) > there);
  return audio[found]?.at ?? null;
};

/** What was heard in turn, each name once as long as it lasted: the loudest of these tones in each packet, quiet left out. */
export const heardInTurn = <Name extends string>(
  peer: RtpPeer,
  tones: Readonly<Record<Name, number>>,
): readonly Name[] => {
  const samples = peer.heard();
  const names = Object.keys(tones) as Name[];
  const turns: Name[] = [];
  for (let at = 0; at + packet <= samples.length; at += packet) {
    const piece = samples.subarray(at, at + packet);
    const levels = names.map((name) => ({ name, level: toneLevel(piece, tones[name]) }));
    const [loudest] = levels.sort((a, b) => b.level - a.level);
    if (loudest !== undefined && loudest.level > there && turns.at(-1) !== loudest.name) turns.push(loudest.name);
  }
  return turns;
};
