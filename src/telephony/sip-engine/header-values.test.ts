import { describe, expect, it } from 'vitest';
import {
  formatNameAddr,
  formatVia,
  parseCSeq,
  parseNameAddr,
  parseNameAddrList,
  parseVia,
  parseViaList,
} from './header-values.js';

describe('Via', () => {
  it('is read with free whitespace and written without', () => {
    const via = parseVia(
      'SIP / 2.0 / udp  First.Example.COM : 4000 ;ttl=16 ; maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1',
    );
    expect(via).toEqual({
      transport: 'UDP',
      host: 'first.example.com',
      port: 4000,
      params: new Map([
        ['ttl', '16'],
        ['maddr', '224.2.0.1'],
        ['branch', 'z9hG4bKa7c6a8dlze.1'],
      ]),
    });
    if (via) {
      expect(formatVia(via)).toBe(
        'SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1',
      );
    }
  });

  it('keeps rport without a value and brackets of IPv6', () => {
    const text = 'SIP/2.0/TLS [2001:db8::1]:5061;rport;branch=z9hG4bK1';
    const via = parseVia(text);
    expect(via?.host).toBe('2001:db8::1');
    expect(via?.params.get('rport')).toBe('');
    expect(via && formatVia(via)).toBe(text);
  });

  it('is one value or a list, as asked', () => {
    expect(parseVia('SIP/2.0/UDP a, SIP/2.0/UDP b')).toBeUndefined();
    expect(parseViaList('SIP/2.0/UDP a, SIP/2.0/UDP b')?.map((v) => v.host)).toEqual(['a', 'b']);
    expect(parseViaList('SIP/2.0/UDP a,')).toBeUndefined();
  });
});

describe('addresses', () => {
  it.each([
    ['<sip:a@b>', '', 'sip:a@b'],
    ['"A \\"B\\" \\\\" <sip:a@b>', 'A "B" \\', 'sip:a@b'],
    ['Anonymous<sip:a@b>', 'Anonymous', 'sip:a@b'],
    ['"<sip:not@this>, no" <sip:a@b;x=y?h=v>', '<sip:not@this>, no', 'sip:a@b;x=y?h=v'],
    ['sip:a@b', '', 'sip:a@b'],
    ['tel:+1-201-555-0123', '', 'tel:+1-201-555-0123'],
    ['"" <sip:a@b>', '', 'sip:a@b'],
  ])('%s', (text, display, uri) => {
    expect(parseNameAddr(text)).toEqual({ display, uri, params: new Map() });
  });

  it('keep parameters as written, quotes included, and lose nothing when written again', () => {
    const text = '"A" <sip:a@b>;+sip.instance="<urn:uuid:1;2>";q=0.5;reg-id=1;flag';
    const value = parseNameAddr(text);
    expect(value?.params.get('+sip.instance')).toBe('"<urn:uuid:1;2>"');
    expect(value && formatNameAddr(value)).toBe(text);
  });

  it('of a list are separated by commas outside of quotes and brackets', () => {
    expect(parseNameAddrList('"a, b" <sip:a,b@c>, sip:d@e;q=1 , <sip:f@g>')?.map((v) => v.uri)).toEqual([
      'sip:a,b@c',
      'sip:d@e',
      'sip:f@g',
    ]);
  });

  it.each(['', '<>', '<sip:a@b', 'sip:a@b>', '"a" sip:a@b', '<sip:a@b>x', 'sip:a@b?h=v', '<sip:a b>', 'a b'])(
    'refuse %j',
    (text) => {
      expect(parseNameAddr(text)).toBeUndefined();
    },
  );

  it('cannot smuggle a line end in by the display name', () => {
    expect(formatNameAddr({ display: 'a\r\nInjected: "b"', uri: 'sip:a@b', params: new Map() })).toBe(
      '"a Injected: \\"b\\"" <sip:a@b>',
    );
  });
});

describe('CSeq', () => {
  it.each([
    ['1 INVITE', { number: 1, method: 'INVITE' }],
    ['0009  INVITE', { number: 9, method: 'INVITE' }],
    ['2147483647 ACK', { number: 2_147_483_647, method: 'ACK' }],
    ['2147483648 ACK', undefined],
    ['-1 ACK', undefined],
    ['1', undefined],
    ['1 IN VITE', undefined],
  ])('%s', (text, value) => {
    expect(parseCSeq(text)).toEqual(value);
  });
});
