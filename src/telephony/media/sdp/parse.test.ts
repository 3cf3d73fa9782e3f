import { describe, expect, it } from 'vitest';
import { isGatewayError } from '../../../core/errors.js';
import { directionOf } from './description.js';
import { formatSdp } from './format.js';
import { parseSdp, sdpLimits } from './parse.js';

const twilio = [
  'v=0',
  'o=root 1185042036 1185042036 IN IP4 168.86.137.1',
  's=Twilio Media Gateway',
  'c=IN IP4 168.86.137.1',
  't=0 0',
  'm=audio 18312 RTP/SAVP 0 8 101',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:dTRcdQ6mcQDrrQ1CPGy5Fk0PLtZYBkXnbEVEmGWd',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-16',
  'a=ptime:20',
  'a=maxptime:20',
  'a=sendrecv',
  '',
].join('\r\n');

const minimal = (lines: readonly string[]): string =>
  ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...lines, ''].join('\r\n');

const refusal = (text: string): string => {
  try {
    parseSdp(text);
  } catch (error) {
    expect(isGatewayError(error, 'sdp_invalid')).toBe(true);
    return (error as Error).message;
  }
  return expect.fail(`accepted ${JSON.stringify(text.slice(0, 200))}`);
};

describe('reading a session description', () => {
  it("reads a carrier's offer", () => {
    const description = parseSdp(twilio);
    expect(description.origin).toEqual({
      username: 'root',
      sessionId: '1185042036',
      sessionVersion: '1185042036',
      address: '168.86.137.1',
      family: 4,
    });
    expect(description.connection).toEqual({ family: 4, address: '168.86.137.1' });
    expect(description.media).toHaveLength(1);
    expect(description.media[0]).toMatchObject({
      type: 'audio',
      port: 18_312,
      protocol: 'RTP/SAVP',
      formats: ['0', '8', '101'],
    });
    expect(description.media[0]!.attributes).toContainEqual({ name: 'sendrecv', value: null });
    expect(description.media[0]!.attributes).toContainEqual({ name: 'fmtp', value: '101 0-16' });
  });

  it('reads what it writes', () => {
    const description = parseSdp(twilio);
    expect(parseSdp(formatSdp(description))).toEqual(description);
    expect(formatSdp(parseSdp(formatSdp(description)))).toBe(formatSdp(description));
  });

  it('takes LF, CR and CRLF for the end of a line, and no end of the last', () => {
    const expected = parseSdp(twilio);
    expect(parseSdp(twilio.replaceAll('\r\n', '\n'))).toEqual(expected);
    expect(parseSdp(twilio.replaceAll('\r\n', '\r'))).toEqual(expected);
    expect(parseSdp(twilio.trimEnd())).toEqual(expected);
    expect(parseSdp(`${twilio}\r\n\r\n`)).toEqual(expected);
  });

  it('forgives missing s= and t= lines and unknown line types', () => {
    const description = parseSdp('v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nz=0 0\r\nm=audio 4000 RTP/AVP 0\r\nx=1\r\n');
    expect(description).toMatchObject({ sessionName: '-', timing: '0 0', connection: null });
  });

  it('prefers the c= line and direction of the media section', () => {
    const description = parseSdp(
      minimal(['a=recvonly', 'm=audio 4000 RTP/AVP 0', 'c=IN IP4 192.0.2.2', 'm=video 4002 RTP/AVP 96', 'a=inactive']),
    );
    expect(description.media[0]!.connection).toEqual({ family: 4, address: '192.0.2.2' });
    expect(directionOf(description, description.media[0]!)).toBe('recvonly');
    expect(directionOf(description, description.media[1]!)).toBe('inactive');
    expect(directionOf(parseSdp(twilio), parseSdp(twilio).media[0]!)).toBe('sendrecv');
  });

  it('reads IPv6 addresses and origins whose numbers no double holds', () => {
    const text = minimal(['m=audio 4000/2 RTP/AVP 0', 'c=IN IP6 2001:DB8:0:0::0:1']).replace(
      '- 1 1',
      '- 18446744073709551615 2',
    );
    expect(parseSdp(text).origin.sessionId).toBe('18446744073709551615');
    expect(parseSdp(text).media[0]!.connection).toEqual({ family: 6, address: '2001:db8::1' });
  });

  it.each([
    ['', /does not begin with "v=0" but with ""/],
    ['hello', /does not begin with "v=0" but with "hello"/],
    ['v=0\r\n', /no o= line/],
    ['v=0\r\no=- 1 1 IN IP4\r\n', /Line 2 .* is not an origin/],
    [`v=0\r\no=- ${'9'.repeat(65)} 1 IN IP4 192.0.2.1\r\n`, /is not an origin/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.1']), /no unicast address/],
    [minimal(['m=audio 4000 RTP/AVP']), /Line 6 .* lists 0 formats/],
    [minimal([`m=audio 4000 RTP/AVP ${Array.from({ length: 65 }, (_, i) => i).join(' ')}`]), /lists 65 formats/],
    [minimal(['m=audio 65536 RTP/AVP 0']), /is not a media line/],
    [minimal(['m=audio -1 RTP/AVP 0']), /is not a media line/],
    [minimal(['m=audio']), /is not a media line/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP4 media.example.com']), /no IP address but "IP4 media.example.com"/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP4 224.2.1.1/127']), /no IP address/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP4 239.1.1.1']), /no unicast address/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP4 255.255.255.255']), /no unicast address/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP6 ff02::1']), /no unicast address/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=IN IP6 fe80::1%eth0']), /no IP address/],
    [minimal(['m=audio 4000 RTP/AVP 0', 'c=ATM NSAP 47.0']), /is not a connection/],
    [minimal(['no equals sign']), /Line 6 .* is not of the form "x=value": "no equals sign"/],
    [minimal(['A=upper']), /is not of the form/],
    [minimal(['a=nul\0byte']), /Line 6 .* contains a control character/],
    [minimal([`a=${'x'.repeat(sdpLimits.lineLength)}`]), /Line 6 .* is longer than 2048 characters/],
    [minimal(Array.from({ length: 600 }, () => 'a=x')), /more than 512 lines/],
    [minimal(Array.from({ length: 17 }, () => 'm=audio 4000 RTP/AVP 0')), /more than 16 media sections/],
    [`v=0\r\n${'a=x\r\n'.repeat(100_000)}`, /500005 characters long; at most 16384/],
  ])('refuses %j', (text, sentence) => {
    expect(refusal(text)).toMatch(sentence);
  });

  it('quotes no control characters and no novels in its sentences', () => {
    const message = refusal(minimal([`\u202e${'y'.repeat(500)}`]));
    expect(message.length).toBeLessThan(160);
    expect(message).not.toContain('yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy');
  });
});
