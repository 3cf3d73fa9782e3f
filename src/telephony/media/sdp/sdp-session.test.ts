import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGatewayError } from '../../../core/errors.js';
import { attributeValues } from './description.js';
import { parseSdp } from './parse.js';
import { createSdpSession, type SdpSession } from './sdp-session.js';

const session = (address: string, security: 'none' | 'optional' | 'required' = 'none'): SdpSession => {
  let drawn = 0;
  return createSdpSession({
    sessionId: '5',
    address,
    rtpPort: 20_000,
    rtcpPort: 20_001,
    rtcpMux: false,
    codecs: ['PCMU', 'PCMA'],
    security,
    comfortNoise: false,
    ptime: 20,
    newKey: () => new Uint8Array(30).fill(++drawn),
  });
};

const version = (sdp: string): number => Number(parseSdp(sdp).origin.sessionVersion);
const from = (media: readonly string[], number = 1): string =>
  ['v=0', `o=- 9 ${number} IN IP4 192.0.2.1`, 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...media, ''].join('\r\n');

describe('a session of offers and answers', () => {
  it('holds and resumes by re-INVITE, counting the versions of its description', () => {
    const callee = session('203.0.113.5');
    const first = callee.answer(from(['m=audio 4000 RTP/AVP 0']));
    const held = callee.answer(from(['m=audio 4000 RTP/AVP 0', 'a=sendonly'], 2));
    const resumed = callee.answer(from(['m=audio 4000 RTP/AVP 0'], 3));
    expect([first.sdp, held.sdp, resumed.sdp].map(version)).toEqual([1, 2, 3]);
    expect([first, held, resumed].map(({ negotiated }) => negotiated.direction)).toEqual([
      'sendrecv',
      'recvonly',
      'sendrecv',
    ]);
    expect(held.negotiated.held).toBe(true);
    expect(callee.current()).toBe(resumed.negotiated);
  });

  it('takes a second answer to one offer, as forking brings it, but none once the peer has offered', () => {
    const caller = session('203.0.113.5');
    caller.offer();
    caller.accept(from(['m=audio 4000 RTP/AVP 0']));
    expect(caller.accept(from(['m=audio 6000 RTP/AVP 8'])).remote.port).toBe(6_000);
    caller.answer(from(['m=audio 6000 RTP/AVP 8'], 2));
    expect(() => caller.accept(from(['m=audio 7000 RTP/AVP 0']))).toThrow('no offer of ours is open');
  });

  it('keeps the version when a session refresh changes nothing', () => {
    const callee = session('203.0.113.5', 'required');
    const offer = from(['m=audio 4000 RTP/SAVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${'A'.repeat(40)}`]);
    const answers = [callee.answer(offer), callee.answer(offer), callee.answer(offer)];
    expect(new Set(answers.map(({ sdp }) => sdp)).size).toBe(1);
    expect(answers[2]!.negotiated.srtp?.localKey).toEqual(answers[0]!.negotiated.srtp?.localKey);
  });

  it('stays with the codec and payload numbers in use when either side offers again', () => {
    const callee = session('203.0.113.5');
    callee.answer(from(['m=audio 4000 RTP/AVP 8 110', 'a=rtpmap:110 telephone-event/8000']));
    const again = callee.answer(from(['m=audio 4000 RTP/AVP 0 8 110', 'a=rtpmap:110 telephone-event/8000'], 2));
    expect(again.negotiated.codec.name).toBe('PCMA');
    const offer = parseSdp(callee.offer('sendonly')).media[0]!;
    expect(offer.formats).toEqual(['8', '0', '110']);
    expect(offer.attributes).toContainEqual({ name: 'sendonly', value: null });
  });

  it('keeps keys, protocol and the places of refused lines in an offer of its own', () => {
    const callee = session('203.0.113.5', 'optional');
    const { negotiated } = callee.answer(
      from([
        'm=video 5000 RTP/AVP 96',
        'm=audio 4000 RTP/SAVP 0',
        `a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:${'B'.repeat(40)}`,
      ]),
    );
    const offer = parseSdp(callee.offer());
    expect(offer.media.map(({ type, port, protocol }) => [type, port, protocol])).toEqual([
      ['video', 0, 'RTP/AVP'],
      ['audio', 20_000, 'RTP/SAVP'],
    ]);
    expect(attributeValues(offer.media[1]!.attributes, 'crypto')).toEqual([
      `1 AES_CM_128_HMAC_SHA1_32 inline:${Buffer.from(negotiated.srtp!.localKey).toString('base64')}`,
    ]);
  });

  it('goes on as agreed when a new offer is refused by either side', () => {
    const callee = session('203.0.113.5');
    const { negotiated } = callee.answer(from(['m=audio 4000 RTP/AVP 0']));
    expect(() => callee.answer(from(['m=audio 4000 RTP/AVP 18'], 2))).toThrow(/format 18/);
    expect(callee.current()).toBe(negotiated);
    callee.offer('sendonly');
    callee.withdraw();
    expect(callee.current()).toBe(negotiated);
    expect(version(callee.answer(from(['m=audio 4000 RTP/AVP 0'], 3)).sdp)).toBe(3);
  });

  it('agrees with another session over an offer in the 200 and its answer in the ACK', () => {
    const [caller, callee] = [session('192.0.2.7', 'optional'), session('203.0.113.5', 'optional')];
    const { sdp, negotiated } = caller.answer(callee.offer());
    const agreed = callee.accept(sdp);
    expect(agreed.remote).toMatchObject({ address: '192.0.2.7', port: 20_000 });
    expect(agreed.srtp?.localKey).toEqual(negotiated.srtp?.remoteKey);
    expect(callee.current()).toBe(agreed);
  });

  it('refuses an answer that nobody asked for', () => {
    try {
      session('203.0.113.5').accept(from(['m=audio 4000 RTP/AVP 0']));
      expect.fail('it was taken');
    } catch (error) {
      expect(isGatewayError(error, 'sdp_invalid')).toBe(true);
    }
  });
});

describe('100,000 damaged descriptions', () => {
  // Traces of a hundred thousand refusals would be most of the work.
  const traces = Error.stackTraceLimit;
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = traces;
  });

  const offers = [
    from([
      'm=audio 4000 RTP/SAVP 0 8 9 101',
      `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${'C'.repeat(40)}|2^31`,
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=ptime:20',
      'a=rtcp:4001 IN IP4 192.0.2.1',
      'a=sendrecv',
    ]),
    from([
      'm=video 5000 RTP/AVP 96',
      'a=rtpmap:96 VP8/90000',
      'm=audio 4000 RTP/AVP 111 0',
      'a=rtpmap:111 opus/48000/2',
      'a=rtcp-mux',
    ]),
  ];
  const pieces = [
    '\r\n',
    '\n',
    '=',
    ':',
    ' ',
    '/',
    '|',
    ';',
    '0',
    '-1',
    '99999999999999999999',
    'm=audio ',
    'a=crypto:',
    'c=IN IP6 ::',
    '\0',
    'é',
    '𝄞',
  ];

  it('are refused with a sentence or answered with a description that can be read', () => {
    let state = 42;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 4_294_967_296) * below);
    };
    let answered = 0;
    for (let i = 0; i < 100_000; i++) {
      let text = offers[i % offers.length]!;
      for (let n = random(6); n >= 0; n--) {
        const at = random(text.length);
        const length = random(4) === 0 ? random(80) : random(3);
        text =
          text.slice(0, at) +
          (random(2) === 0 ? pieces[random(pieces.length)]! : text.substr(random(text.length), random(40))) +
          text.slice(at + length);
      }
      const side = session('203.0.113.5', 'optional');
      try {
        parseSdp(side.answer(text).sdp);
        answered++;
      } catch (error) {
        if (!isGatewayError(error)) expect.fail(`${String(error)} at ${JSON.stringify(text)}`);
        if (error.message.length > 300) expect.fail(error.message);
      }
    }
    expect(answered).toBeGreaterThan(1_000);
    expect(answered).toBeLessThan(99_000);
  });
});
