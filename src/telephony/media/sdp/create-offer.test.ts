import { describe, expect, it } from 'vitest';
import { audioOf, inline, key, local, refusal, sdp } from '../../../../test/support/sdp-sides.js';
import { answerOffer } from './answer-offer.js';
import { acceptAnswer, createOffer } from './create-offer.js';
import type { Direction } from './description.js';
import { attributeValues } from './description.js';
import type { LocalMedia } from './negotiation.js';

describe('offering', () => {
  it('offers all codecs in our order, events and the public address', () => {
    const { sdp: offer } = createOffer(local({ security: 'none', rtcpMux: false }));
    expect(offer).toBe(
      [
        'v=0',
        'o=- 77 1 IN IP4 203.0.113.5',
        's=-',
        'c=IN IP4 203.0.113.5',
        't=0 0',
        'm=audio 20000 RTP/AVP 0 8 101',
        'a=rtpmap:0 PCMU/8000',
        'a=rtpmap:8 PCMA/8000',
        'a=rtpmap:101 telephone-event/8000',
        'a=fmtp:101 0-15',
        'a=ptime:20',
        'a=sendrecv',
        '',
      ].join('\r\n'),
    );
  });

  it('offers comfort noise where the profile wants it, and hears from the answer whether it comes', () => {
    const ours = local({ comfortNoise: true });
    const offer = createOffer(ours);
    expect(audioOf(offer.sdp).formats).toEqual(['0', '8', '101', '13']);
    expect(offer.sdp).toContain('a=rtpmap:13 CN/8000');
    const agreed = (answer: string) => acceptAnswer(ours, offer, sdp(answer)).comfortNoise;
    expect(agreed('m=audio 4000 RTP/AVP 0 13')).toBe(13);
    expect(agreed('m=audio 4000 RTP/AVP 0')).toBeNull();
    expect(createOffer(local({ comfortNoise: true, codecs: ['opus'] })).comfortNoise).toBeNull();
  });

  it('offers events at each clock rate, without using a number twice', () => {
    const { sdp: offer } = createOffer(local({ codecs: ['opus', 'PCMU', 'G722'] }));
    const { formats, attributes } = audioOf(offer);
    expect(new Set(formats).size).toBe(formats.length);
    expect(attributeValues(attributes, 'rtpmap')).toEqual([
      '107 opus/48000/2',
      '0 PCMU/8000',
      '9 G722/8000',
      '101 telephone-event/48000',
      '96 telephone-event/8000',
    ]);
  });

  it('offers RTP/SAVP with a key for each suite when SRTP is required', () => {
    const audio = audioOf(createOffer(local({ security: 'required' })).sdp);
    expect(audio.protocol).toBe('RTP/SAVP');
    expect(attributeValues(audio.attributes, 'crypto')).toEqual([
      `1 AES_CM_128_HMAC_SHA1_80 ${inline(1)}`,
      `2 AES_CM_128_HMAC_SHA1_32 ${inline(2)}`,
    ]);
  });

  it('offers RTP/AVP with crypto lines when SRTP is optional', () => {
    const audio = audioOf(createOffer(local()).sdp);
    expect(audio.protocol).toBe('RTP/AVP');
    expect(attributeValues(audio.attributes, 'crypto')).toHaveLength(2);
  });

  it('writes IPv6 addresses as such', () => {
    expect(createOffer(local({ address: '2001:db8::5' })).sdp).toContain('c=IN IP6 2001:db8::5\r\n');
  });
});

describe('reading an answer', () => {
  const accept = (answer: string, changes: Partial<LocalMedia> = {}) => {
    const side = local(changes);
    return acceptAnswer(side, createOffer(side), answer);
  };

  it("takes the peer's first codec, its numbers for sending and ours for receiving", () => {
    const negotiated = accept(
      sdp(['m=audio 4000 RTP/AVP 100 0 120', 'a=rtpmap:100 PCMA/8000', 'a=rtpmap:120 telephone-event/8000']),
    );
    expect(negotiated).toMatchObject({
      codec: { name: 'PCMA', payloadType: 100, receivePayloadType: 8 },
      telephoneEvent: { payloadType: 120, receivePayloadType: 101 },
      alternatives: [{ name: 'PCMU', receivePayloadType: 0 }],
      direction: 'sendrecv',
      srtp: null,
    });
  });

  it('takes the key of the answer and the one of ours that it chose', () => {
    const negotiated = accept(sdp(['m=audio 4000 RTP/SAVP 0', `a=crypto:2 AES_CM_128_HMAC_SHA1_32 ${inline(9)}`]), {
      security: 'required',
    });
    expect(negotiated.srtp).toEqual({ suite: 'AES_CM_128_HMAC_SHA1_32', localKey: key(2), remoteKey: key(9) });
  });

  it.each<[Direction, Direction, Direction, boolean]>([
    ['sendrecv', 'sendrecv', 'sendrecv', false],
    ['sendonly', 'recvonly', 'sendonly', false],
    ['sendonly', 'inactive', 'inactive', true],
    ['inactive', 'inactive', 'inactive', true],
  ])('offered %s and answered %s is %s', (ours, theirs, agreed, held) => {
    expect(accept(sdp(['m=audio 4000 RTP/AVP 0', `a=${theirs}`]), { direction: ours })).toMatchObject({
      direction: agreed,
      held,
    });
  });

  it.each([
    ['no_common_codec', {}, ['m=audio 0 RTP/AVP 0'], /The peer refused our audio; we offered PCMU and PCMA/],
    ['no_common_codec', {}, ['m=audio 4000 RTP/AVP 18'], /The answer has format 18 and we offered PCMU and PCMA/],
    ['sdp_invalid', {}, ['m=video 4000 RTP/AVP 0'], /no audio line at the place/],
    ['sdp_invalid', {}, [], /no audio line at the place/],
    ['media_security_mismatch', { security: 'required' }, ['m=audio 4000 RTP/SAVP 0'], /without a crypto line/],
    [
      'media_security_mismatch',
      { security: 'required' },
      ['m=audio 4000 RTP/AVP 0'],
      /We offered RTP\/SAVP with SRTP keys and the answer has RTP\/AVP without a crypto line/,
    ],
    ['media_security_mismatch', {}, ['m=audio 4000 RTP/SAVP 0'], /the answer has RTP\/SAVP without a crypto line/],
    [
      'media_security_mismatch',
      { security: 'none' },
      ['m=audio 4000 RTP/SAVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${inline(9)}`],
      /We offered RTP\/AVP and the answer has "RTP\/SAVP"/,
    ],
    [
      'media_security_mismatch',
      {},
      ['m=audio 4000 UDP/TLS/RTP/SAVP 0'],
      /We offered RTP\/AVP and the answer has "UDP\/TLS\/RTP\/SAVP"/,
    ],
    [
      'media_security_mismatch',
      { security: 'required' },
      ['m=audio 4000 RTP/SAVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_32 ${inline(9)}`],
      /tag 1, AES_CM_128_HMAC_SHA1_32\) is none of those/,
    ],
    [
      'media_security_mismatch',
      { security: 'required' },
      ['m=audio 4000 RTP/SAVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${inline(9)}|1:4`],
      /an MKI, which we did not offer/,
    ],
  ] as const)('refuses with %s: %j %j', (code, changes, media, sentence) => {
    expect(refusal(code, () => accept(sdp(media), changes))).toMatch(sentence);
  });

  it.each([
    ['optional', 'RTP/SAVP'],
    ['required', 'RTP/AVP'],
  ] as const)('with security %s takes fitting keys for SRTP though the answer says %s', (security, protocol) => {
    const answer = sdp([`m=audio 4000 ${protocol} 0`, `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${inline(9)}`]);
    expect(accept(answer, { security }).srtp).toEqual({
      suite: 'AES_CM_128_HMAC_SHA1_80',
      localKey: key(1),
      remoteKey: key(9),
    });
  });

  it('agrees with itself, whatever both sides want', () => {
    for (const security of ['none', 'optional', 'required'] as const) {
      for (const theirs of ['none', 'optional', 'required'] as const) {
        const caller = local({ security });
        const callee = local({
          security: theirs,
          address: '192.0.2.7',
          newKey: () => key(99),
          codecs: ['PCMA', 'PCMU'],
        });
        const offer = createOffer(caller);
        const impossible =
          (security === 'required' && theirs === 'none') || (security === 'none' && theirs === 'required');
        if (impossible) {
          refusal('media_security_mismatch', () => answerOffer(callee, offer.sdp));
          continue;
        }
        const answer = answerOffer(callee, offer.sdp);
        const agreed = acceptAnswer(caller, offer, answer.sdp);
        expect(agreed.codec.name).toBe('PCMA');
        expect(agreed.srtp === null).toBe(security === 'none' || theirs === 'none');
        expect(agreed.srtp?.localKey).toEqual(answer.negotiated.srtp?.remoteKey);
        expect(agreed.srtp?.remoteKey).toEqual(answer.negotiated.srtp?.localKey);
      }
    }
  });
});
