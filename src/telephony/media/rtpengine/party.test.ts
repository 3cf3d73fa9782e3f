import { describe, expect, it } from 'vitest';
import type { CodecName } from '../../../domain/calls/ports.js';
import { commonCodecs, inOurPlace, type Party, partySdp, readParty } from './party.js';

const key = (byte: number): string => Buffer.alloc(30, byte).toString('base64');
const sdp = (lines: readonly string[]): string =>
  ['v=0', 'o=- 7 3 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...lines, ''].join('\r\n');
const ours = sdp(['m=audio 20000 RTP/AVP 0 101', 'a=rtpmap:0 PCMU/8000']);

const read = (theirs: string, own = ours, codecs: readonly CodecName[] = ['PCMU', 'PCMA']): Party => {
  const party = readParty({ ours: own, theirs }, codecs);
  if (typeof party === 'string') throw new Error(party);
  return party;
};

describe('what a relay is told of a peer', () => {
  it('is its audio and nothing else it wrote', () => {
    const party = read(
      sdp([
        'a=ice-ufrag:secret',
        'm=audio 4000 RTP/AVP 9 8 0 96 110',
        'c=IN IP4 198.51.100.7',
        'a=rtpmap:9 G722/8000',
        'a=rtpmap:96 telephone-event/8000',
        'a=rtpmap:110 x-evil/8000',
        'a=candidate:1 1 UDP 1 10.0.0.1 9 typ host',
        'a=ptime:30',
        'a=rtcp:4005',
        'm=video 5000 RTP/AVP 99',
      ]),
    );
    expect(partySdp(party, 2)).toBe(
      [
        'v=0',
        'o=- 1 2 IN IP4 198.51.100.7',
        's=-',
        'c=IN IP4 198.51.100.7',
        't=0 0',
        'm=audio 4000 RTP/AVP 8 0 96',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:0 PCMU/8000',
        'a=rtpmap:96 telephone-event/8000',
        'a=fmtp:96 0-15',
        'a=ptime:30',
        'a=sendrecv',
        'a=rtcp:4005',
        '',
      ].join('\r\n'),
    );
  });

  it('is the key that is in use, of an offer with several', () => {
    const answer = sdp(['m=audio 20000 RTP/SAVP 0', `a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:${key(9)}`]);
    const offer = sdp([
      'm=audio 4000 RTP/SAVP 0',
      `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key(1)}`,
      `a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:${key(2)}`,
    ]);
    const text = partySdp(read(offer, answer), 1);
    expect(text).toContain('m=audio 4000 RTP/SAVP 0\r\n');
    expect(text.match(/^a=crypto.*$/gm)).toEqual([`a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:${key(2)}`]);
    // Keys beside RTP/AVP mean SRTP all the same (RFC 8643).
    expect(partySdp(read(offer.replace('SAVP', 'AVP'), answer.replace('SAVP', 'AVP')), 1)).toContain('RTP/SAVP');
  });

  it.each([
    ['is on hold', ['m=audio 4000 RTP/AVP 0', 'a=sendonly']],
    ['is on hold', ['m=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.0']],
    ['has no audio', ['m=audio 0 RTP/AVP 0']],
    ['has no audio', ['m=video 4000 RTP/AVP 0']],
    ['speaks neither RTP nor SRTP with SDES', ['m=audio 4000 UDP/TLS/RTP/SAVPF 0']],
    ['has no key that can be used', ['m=audio 4000 RTP/SAVP 0', `a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:${key(1)}`]],
    ['has no description that can be read', ['what']],
  ])('%s: %j', (why, lines) => {
    expect(readParty({ ours, theirs: sdp(lines) }, ['PCMU'])).toBe(why);
  });

  it('has the codecs that the other side knows too, in its own order and under its own numbers', () => {
    const a = read(sdp(['m=audio 4000 RTP/AVP 8 0']));
    const b = read(sdp(['m=audio 4000 RTP/AVP 97 98', 'a=rtpmap:97 PCMU/8000', 'a=rtpmap:98 G722/8000']));
    expect(commonCodecs(a, b).codecs.map(({ payloadType }) => payloadType)).toEqual([0]);
    expect(commonCodecs(b, a).codecs.map(({ payloadType }) => payloadType)).toEqual([97]);
  });
});

describe('what a peer is told in our place', () => {
  const relay = sdp([
    'm=audio 30000 RTP/SAVP 0 101',
    'a=mid:1',
    'a=rtpmap:0 PCMU/8000',
    'a=fmtp:101 0-15',
    `a=crypto:1 AEAD_AES_256_GCM inline:${key(1)}`,
    `a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${key(2)}`,
    'a=candidate:1 1 UDP 1 10.0.0.1 9 typ host',
    'a=sendrecv',
    'a=rtcp:30001',
  ]).replaceAll('192.0.2.1', '203.0.113.9');

  it('keeps our origin and the order of our lines, and has the audio of the relay', () => {
    const own = sdp(['m=video 0 RTP/AVP 99', 'm=audio 20000 RTP/AVP 0 101', 'a=rtpmap:0 PCMU/8000', 'a=rtcp-mux']);
    expect(inOurPlace(own, relay)).toBe(
      [
        'v=0',
        'o=- 7 3 IN IP4 192.0.2.1',
        's=-',
        'c=IN IP4 203.0.113.9',
        't=0 0',
        'm=video 0 RTP/AVP 99',
        'm=audio 30000 RTP/AVP 0 101',
        'a=rtpmap:0 PCMU/8000',
        'a=fmtp:101 0-15',
        `a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${key(2)}`,
        'a=sendrecv',
        'a=rtcp:30001',
        '',
      ].join('\r\n'),
    );
  });

  it.each(['', 'v=0', sdp(['m=audio 0 RTP/AVP 0']), sdp([])])('does not take %j for a description', (text) => {
    expect(() => inOurPlace(ours, text)).toThrow();
  });
});
