import type { BencodeReply } from './bencode.js';
import type { NgDictionary } from './ng-client.js';

/** What rtpengine counts of a call, by the tags its sides were given. */
export type CallFigures = {
  /** RTP packets that came from the side. */
  readonly packets: ReadonlyMap<string, number>;
  /** When the last one came, seconds since the epoch; 0: never. */
  readonly lastPacket: ReadonlyMap<string, number>;
};

const dictionary = (value: BencodeReply | undefined): NgDictionary | null =>
  typeof value === 'object' && 'get' in value ? value : null;
const list = (value: BencodeReply | undefined): readonly BencodeReply[] =>
  typeof value === 'object' && !('get' in value) ? value : [];
const number = (value: BencodeReply | undefined): number => (typeof value === 'number' ? value : 0);

/** Reads the answer to `query` or `delete`; what is not there counts as nothing. */
export const readCallFigures = (reply: NgDictionary): CallFigures => {
  const packets = new Map<string, number>();
  const lastPacket = new Map<string, number>();
  for (const [tag, side] of dictionary(reply.get('tags')) ?? []) {
    for (const media of list(dictionary(side)?.get('medias'))) {
      // The first stream of a media section is its RTP, the second its RTCP.
      const rtp = dictionary(list(dictionary(media)?.get('streams'))[0]);
      const stats = dictionary(rtp?.get('stats'));
      packets.set(tag, (packets.get(tag) ?? 0) + number(stats?.get('packets')));
      lastPacket.set(tag, Math.max(lastPacket.get(tag) ?? 0, number(rtp?.get('last packet'))));
    }
  }
  return { packets, lastPacket };
};
