import { expect } from 'vitest';
import { type ErrorCode, isGatewayError } from '../../src/core/errors.js';
import type { SdpMedia } from '../../src/telephony/media/sdp/description.js';
import type { LocalMedia } from '../../src/telephony/media/sdp/negotiation.js';
import { parseSdp } from '../../src/telephony/media/sdp/parse.js';

/** An SRTP key whose bytes are all the same. */
export const key = (fill: number): Uint8Array => new Uint8Array(30).fill(fill);
export const inline = (fill: number): string => `inline:${Buffer.from(key(fill)).toString('base64')}`;

/** A side of a negotiation; its keys are 1, 2, … */
export const local = (changes: Partial<LocalMedia> = {}): LocalMedia => {
  let drawn = 0;
  return {
    address: '203.0.113.5',
    rtpPort: 20_000,
    rtcpPort: 20_001,
    rtcpMux: true,
    codecs: ['PCMU', 'PCMA'],
    comfortNoise: false,
    security: 'optional',
    ptime: 20,
    direction: 'sendrecv',
    origin: { sessionId: '77', version: 1 },
    previous: null,
    newKey: () => key(++drawn),
    ...changes,
  };
};

/** What a peer at `address` might send. */
export const sdp = (media: string | readonly string[], address = '192.0.2.1'): string => {
  const family = address.includes(':') ? 6 : 4;
  const lines = typeof media === 'string' ? [media] : media;
  return ['v=0', `o=- 9 1 IN IP${family} ${address}`, 's=-', `c=IN IP${family} ${address}`, 't=0 0', ...lines, ''].join(
    '\r\n',
  );
};

/** The sentence with which `run` refuses; fails when it does not, or with another code. */
export const refusal = (code: ErrorCode, run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(isGatewayError(error, code), String(error)).toBe(true);
    return (error as Error).message;
  }
  return expect.fail('nothing was refused');
};

export const audioOf = (text: string): SdpMedia => {
  const media = parseSdp(text).media.find(({ type }) => type === 'audio');
  if (media === undefined) return expect.fail('no audio');
  return media;
};
