import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { legOptions } from '../../../test/support/media.js';
import { type LegSecurity, legAgreement } from './leg-agreement.js';
import { writeRtpHeader } from './rtp-packet.js';
import { createSrtpSender, type SrtpSender, srtpOverhead } from './srtp/srtp.js';

const suite = 'AES_CM_128_HMAC_SHA1_80';

test('a new key of a peer that has sent for more than 22 minutes is understood, whether it counts on or anew', () => {
  let security: LegSecurity | null = null;
  const agreement = legAgreement({
    options: legOptions({ security: 'required' }),
    publicAddress: '127.0.0.1',
    rtpPort: 4_000,
    apply: (_agreed, next) => {
      security = next;
    },
  });
  const offer = (key: Buffer): string =>
    [
      ...['v=0', 'o=x 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 5000 RTP/SAVP 0'],
      `a=crypto:1 ${suite} inline:${key.toString('base64')}`,
      '',
    ].join('\r\n');
  const received = (sender: SrtpSender, sequence: number): number => {
    const packet = Buffer.alloc(172 + srtpOverhead);
    writeRtpHeader(packet, 0, false, sequence & 0xffff, sequence * 160, 7);
    const length = sender.protect(packet, 172);
    return security?.receiver.unprotect(packet, length) ?? -1;
  };
  const keyed = () => {
    const key = randomBytes(30);
    agreement.answer(offer(key));
    return createSrtpSender(suite, key);
  };
  const first = keyed();
  expect([received(first, 65_535), received(first, 65_536)]).toEqual([172, 172]);
  const countsOn = keyed();
  // It has wrapped before our receiver hears of it: its packets belong to the second round.
  countsOn.protect(Buffer.alloc(172 + srtpOverhead, 0x80), 172);
  for (const sequence of [65_535, 65_536]) {
    const unheard = Buffer.alloc(172 + srtpOverhead);
    writeRtpHeader(unheard, 0, false, sequence & 0xffff, 0, 7);
    countsOn.protect(unheard, 172);
  }
  expect(received(countsOn, 65_537)).toBe(172);
  expect(received(countsOn, 65_538)).toBe(172);
  expect(received(keyed(), 65_539)).toBe(172);
});
