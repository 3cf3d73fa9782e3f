import { describe, expect, it } from 'vitest';
import { audioOf, inline, key, local, refusal, sdp } from '../../../../test/support/sdp-sides.js';
import { answerOffer } from './answer-offer.js';
import type { Direction } from './description.js';
import { attributeValues } from './description.js';
import { parseSdp } from './parse.js';

describe('answering an offer', () => {
  it.each([
    ['under its static number', true, '0 13', [], 13],
    ['under a number of its own', true, '0 97', ['a=rtpmap:97 CN/8000'], 97],
    ['not at the clock rate of another codec', true, '0 97', ['a=rtpmap:97 CN/16000'], null],
    ['not when the profile does not want it', false, '0 13', [], null],
  ] as const)('agrees on comfort noise %s', (_, comfortNoise, formats, attributes, expected) => {
    const offer = sdp([`m=audio 4000 RTP/AVP ${formats}`, ...attributes]);
    const { sdp: answer, negotiated } = answerOffer(local({ comfortNoise }), offer);
    expect(negotiated.comfortNoise).toBe(expected);
    expect(audioOf(answer).formats).toEqual(expected === null ? ['0'] : ['0', String(expected)]);
    expect(answer.includes(`a=rtpmap:${expected} CN/8000`)).toBe(expected !== null);
  });

  it('never takes comfort noise for a codec', () => {
    const said = refusal('no_common_codec', () =>
      answerOffer(local({ comfortNoise: true }), sdp('m=audio 4000 RTP/AVP 18 13')),
    );
    expect(said).not.toContain('CN');
  });

  it('takes the first codec of ours, with the numbers of the offer', () => {
    const offer = sdp(['m=audio 4000 RTP/AVP 8 0 18 96', 'a=rtpmap:96 telephone-event/8000', 'a=fmtp:96 0-15']);
    const { sdp: answer, negotiated } = answerOffer(local(), offer);
    expect(answer).toBe(
      [
        'v=0',
        'o=- 77 1 IN IP4 203.0.113.5',
        's=-',
        'c=IN IP4 203.0.113.5',
        't=0 0',
        'm=audio 20000 RTP/AVP 0 96',
        'a=rtpmap:0 PCMU/8000',
        'a=rtpmap:96 telephone-event/8000',
        'a=fmtp:96 0-15',
        'a=ptime:20',
        'a=sendrecv',
        '',
      ].join('\r\n'),
    );
    expect(negotiated).toMatchObject({
      codec: { name: 'PCMU', payloadType: 0, receivePayloadType: 0, clockRate: 8_000, ptime: 20 },
      remote: { address: '192.0.2.1', port: 4_000, rtcpAddress: '192.0.2.1', rtcpPort: 4_001 },
      rtcpMux: false,
      telephoneEvent: { payloadType: 96, receivePayloadType: 96 },
      direction: 'sendrecv',
      held: false,
      srtp: null,
      audioIndex: 0,
    });
  });

  it.each([
    ['a static number without rtpmap', ['m=audio 4000 RTP/AVP 8'], 'PCMA', 8],
    ['a dynamic number', ['m=audio 4000 RTP/AVP 100', 'a=rtpmap:100 pcma/8000/1'], 'PCMA', 100],
    [
      'a static number that the rtpmap gives another meaning',
      ['m=audio 4000 RTP/AVP 0', 'a=rtpmap:0 PCMA/8000'],
      'PCMA',
      0,
    ],
    ['G.722 with its clock of 8000', ['m=audio 4000 RTP/AVP 9 18'], 'G722', 9],
    ['Opus with two channels', ['m=audio 4000 RTP/AVP 111', 'a=rtpmap:111 opus/48000/2'], 'opus', 111],
  ] as const)('understands %s', (_, media, name, payloadType) => {
    const { negotiated } = answerOffer(local({ codecs: ['PCMU', 'PCMA', 'G722', 'opus'] }), sdp(media));
    expect(negotiated.codec).toMatchObject({ name, payloadType });
  });

  it('does not take another rate, mono Opus, or a number of the RTCP range for a codec', () => {
    for (const media of [
      ['m=audio 4000 RTP/AVP 96', 'a=rtpmap:96 PCMU/16000'],
      ['m=audio 4000 RTP/AVP 96', 'a=rtpmap:96 opus/48000'],
      ['m=audio 4000 RTP/AVP 72', 'a=rtpmap:72 PCMU/8000'],
      ['m=audio 4000 RTP/AVP 128', 'a=rtpmap:128 PCMU/8000'],
    ]) {
      refusal('no_common_codec', () => answerOffer(local({ codecs: ['PCMU', 'opus'] }), sdp(media)));
    }
  });

  it('leaves out events at another rate than the codec', () => {
    const { negotiated } = answerOffer(
      local(),
      sdp(['m=audio 4000 RTP/AVP 0 96', 'a=rtpmap:96 telephone-event/48000']),
    );
    expect(negotiated.telephoneEvent).toBeNull();
  });

  it.each<[Direction, Direction, Direction, boolean]>([
    ['sendrecv', 'sendrecv', 'sendrecv', false],
    ['sendrecv', 'sendonly', 'recvonly', true],
    ['sendrecv', 'recvonly', 'sendonly', false],
    ['sendrecv', 'inactive', 'inactive', true],
    ['sendonly', 'sendrecv', 'sendonly', false],
    ['sendonly', 'sendonly', 'inactive', true],
    ['inactive', 'sendrecv', 'inactive', false],
  ])('wanting %s meets %s with %s', (ours, theirs, agreed, held) => {
    const result = answerOffer(local({ direction: ours }), sdp(['m=audio 4000 RTP/AVP 0', `a=${theirs}`]));
    expect(result.negotiated).toMatchObject({ direction: agreed, held });
    expect(result.sdp).toContain(`a=${agreed}\r\n`);
  });

  it.each(['0.0.0.0', '::'])('takes the address %s for hold', (address) => {
    const ours = address === '::' ? '2001:db8::5' : '203.0.113.5';
    const { negotiated } = answerOffer(local({ address: ours }), sdp('m=audio 4000 RTP/AVP 0', address));
    expect(negotiated).toMatchObject({ direction: 'recvonly', held: true });
  });

  it('refuses the other lines with port 0 and keeps their places', () => {
    const { sdp: answer, negotiated } = answerOffer(
      local(),
      sdp([
        'm=video 5000 RTP/AVP 96 97',
        'a=rtpmap:96 VP8/90000',
        'm=audio 4000 RTP/AVP 0',
        'm=audio 4002 RTP/AVP 8',
        'm=image 0 udptl t38',
      ]),
    );
    expect(parseSdp(answer).media.map(({ type, port, formats }) => [type, port, formats.length])).toEqual([
      ['video', 0, 1],
      ['audio', 20_000, 1],
      ['audio', 0, 1],
      ['image', 0, 1],
    ]);
    expect(negotiated.audioIndex).toBe(1);
  });

  it.each(['RTP/AVP', 'RTP/AVPF', 'rtp/avp'])('answers %s with the same words', (protocol) => {
    expect(audioOf(answerOffer(local(), sdp(`m=audio 4000 ${protocol} 0`)).sdp).protocol).toBe(protocol);
  });

  it.each([
    [['a=ptime:30'], 30],
    [['a=ptime:20.5'], 20],
    [['a=ptime:25'], 20],
    [['a=ptime:200'], 20],
    [['a=maxptime:10'], 10],
    [['a=ptime:40', 'a=maxptime:30'], 30],
    [['a=ptime:nonsense'], 20],
  ])('reads the packet length from %j as %i ms', (attributes, ptime) => {
    expect(answerOffer(local(), sdp(['m=audio 4000 RTP/AVP 0', ...attributes])).negotiated.codec.ptime).toBe(ptime);
  });

  it.each([
    [['a=rtcp:9000'], '192.0.2.1', 9_000],
    [['a=rtcp:9000 IN IP4 192.0.2.9'], '192.0.2.9', 9_000],
    [['a=rtcp:9000 IN IP4 239.0.0.1'], '192.0.2.1', 4_001],
    [['a=rtcp:99999'], '192.0.2.1', 4_001],
    [[], '192.0.2.1', 4_001],
  ])('finds RTCP from %j at %s:%i', (attributes, rtcpAddress, rtcpPort) => {
    const { negotiated } = answerOffer(local(), sdp(['m=audio 4000 RTP/AVP 0', ...attributes]));
    expect(negotiated.remote).toMatchObject({ rtcpAddress, rtcpPort });
  });

  it('shares the port with RTCP only when both want to', () => {
    const offer = sdp(['m=audio 4000 RTP/AVP 0', 'a=rtcp-mux']);
    const shared = answerOffer(local(), offer);
    expect(shared.sdp).toContain('a=rtcp-mux\r\n');
    expect(shared.negotiated).toMatchObject({ rtcpMux: true, remote: { rtcpPort: 4_000 } });
    const apart = answerOffer(local({ rtcpMux: false }), offer);
    expect(apart.sdp).not.toContain('rtcp-mux');
    expect(apart.negotiated).toMatchObject({ rtcpMux: false, remote: { rtcpPort: 4_001 } });
  });

  it('repeats the t= line and names its RTCP port when it is not the next one', () => {
    const offer = sdp('m=audio 4000 RTP/AVP 0').replace('t=0 0', 't=3034423619 3042462419');
    const { sdp: answer } = answerOffer(local({ rtcpPort: 30_000 }), offer);
    expect(answer).toContain('t=3034423619 3042462419\r\n');
    expect(answer).toContain('a=rtcp:30000\r\n');
  });

  it.each([
    ['no_common_codec', 'm=audio 4000 RTP/AVP 18', 'The offer has format 18 and the profile allows PCMU and PCMA.'],
    [
      'no_common_codec',
      ['m=audio 4000 RTP/AVP 97 101', 'a=rtpmap:97 iLBC/8000', 'a=rtpmap:101 telephone-event/8000'],
      'The offer has ILBC and the profile allows PCMU and PCMA.',
    ],
    ['sdp_invalid', 'm=video 4000 RTP/AVP 96', 'The offer has no audio but video.'],
    ['sdp_invalid', 'm=audio 0 RTP/AVP 0', 'The offer has no audio but audio with port 0.'],
    ['sdp_invalid', [], 'The offer has no audio but none.'],
    [
      'sdp_invalid',
      'm=audio 4000 udp 0',
      'The offer asks for audio by "udp" and this side speaks RTP/AVP and RTP/SAVP.',
    ],
    [
      'media_security_mismatch',
      'm=audio 4000 UDP/TLS/RTP/SAVPF 0',
      'The offer asks for DTLS-SRTP and this side speaks SRTP with SDES keys (RFC 4568) or RTP.',
    ],
  ] as const)('refuses with %s: %j', (code, media, sentence) => {
    expect(refusal(code, () => answerOffer(local(), sdp(media)))).toBe(sentence);
  });

  it('refuses audio without an address and an address of another family', () => {
    const without = sdp('m=audio 4000 RTP/AVP 0').replace('c=IN IP4 192.0.2.1\r\n', '');
    expect(refusal('sdp_invalid', () => answerOffer(local(), without))).toMatch(/no c= line/);
    const other = sdp('m=audio 4000 RTP/AVP 0', '2001:db8::1');
    expect(refusal('sdp_invalid', () => answerOffer(local(), other))).toMatch(/IPv6 and ours of IPv4/);
  });
});

describe('answering with SRTP', () => {
  const secure = (crypto: readonly string[], protocol = 'RTP/SAVP'): string =>
    sdp([`m=audio 4000 ${protocol} 0`, ...crypto.map((value) => `a=crypto:${value}`)]);

  it('takes the first crypto line it can use and answers with its tag and a key of its own', () => {
    const { sdp: answer, negotiated } = answerOffer(
      local({ security: 'required' }),
      secure([
        `3 AES_256_CM_HMAC_SHA1_80 ${inline(9)}`,
        `7 AES_CM_128_HMAC_SHA1_32 ${inline(8)}|2^20`,
        `8 AES_CM_128_HMAC_SHA1_80 ${inline(7)}`,
      ]),
    );
    expect(negotiated.srtp).toEqual({ suite: 'AES_CM_128_HMAC_SHA1_32', localKey: key(1), remoteKey: key(8) });
    expect(attributeValues(audioOf(answer).attributes, 'crypto')).toEqual([`7 AES_CM_128_HMAC_SHA1_32 ${inline(1)}`]);
    expect(audioOf(answer).protocol).toBe('RTP/SAVP');
  });

  it.each([
    [`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}|2^20|1:4`, /an MKI/],
    [`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}|1:4`, /an MKI/],
    [`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)};${inline(9)}`, /several keys/],
    [`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)} UNENCRYPTED_SRTP`, /session parameter UNENCRYPTED_SRTP/],
    [`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)} KDR=1`, /session parameter KDR=1/],
    [`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}|2^49`, /key lifetime 2\^49/],
    [`1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=`, /a key of 5 bytes instead of 30/],
    ['1 AES_CM_128_HMAC_SHA1_80 uri:https://x', /a key that is not "inline:"/],
    ['1 F8_128_HMAC_SHA1_80', /suite F8_128_HMAC_SHA1_80/],
    ['x AES_CM_128_HMAC_SHA1_80', /without a tag/],
  ])('refuses the line %j', (line, reason) => {
    expect(refusal('media_security_mismatch', () => answerOffer(local(), secure([line])))).toMatch(reason);
  });

  it.each([`${inline(8)}|2^31`, `${inline(8)}|1048576`, `${inline(8)} WSH=128`, `${inline(8)} -unknown`])(
    'accepts %j',
    (rest) => {
      expect(answerOffer(local(), secure([`1 AES_CM_128_HMAC_SHA1_80 ${rest}`])).negotiated.srtp?.remoteKey).toEqual(
        key(8),
      );
    },
  );

  it('prefers the secure one of two alternative lines unless security is off', () => {
    const offer = sdp([
      'm=audio 4000 RTP/AVP 0',
      'm=audio 4002 RTP/SAVP 0',
      `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}`,
    ]);
    expect(answerOffer(local(), offer).negotiated).toMatchObject({ audioIndex: 1, remote: { port: 4_002 } });
    expect(answerOffer(local({ security: 'none' }), offer).negotiated).toMatchObject({ audioIndex: 0, srtp: null });
  });

  it('takes opportunistic SRTP (RFC 8643) and falls back to plain RTP when it cannot be had', () => {
    const offered = answerOffer(local(), secure([`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}`], 'RTP/AVP'));
    expect(offered.negotiated.srtp).not.toBeNull();
    expect(audioOf(offered.sdp)).toMatchObject({ protocol: 'RTP/AVP' });
    expect(answerOffer(local(), secure(['1 AEAD_AES_256_GCM inline:x'], 'RTP/AVP')).negotiated.srtp).toBeNull();
    expect(
      answerOffer(local({ security: 'none' }), secure([`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}`], 'RTP/AVP')).negotiated
        .srtp,
    ).toBeNull();
  });

  it('refuses what the profile does not allow, naming both sides', () => {
    const none = local({ security: 'none' });
    expect(
      refusal('media_security_mismatch', () => answerOffer(none, secure([`1 AES_CM_128_HMAC_SHA1_80 ${inline(8)}`]))),
    ).toBe('The offer asks for secure media (RTP/SAVP) and the profile allows plain RTP only.');
    const required = local({ security: 'required' });
    expect(refusal('media_security_mismatch', () => answerOffer(required, sdp('m=audio 4000 RTP/AVP 0')))).toBe(
      'The offer has no secure media (RTP/AVP) and the profile requires SRTP.',
    );
    expect(refusal('media_security_mismatch', () => answerOffer(required, secure([])))).toMatch(
      /without a crypto line/,
    );
  });
});
