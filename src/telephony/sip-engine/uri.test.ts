import { describe, expect, it } from 'vitest';
import { formatUri, parseUri } from './uri.js';

describe('SIP URIs', () => {
  it('are taken apart', () => {
    expect(parseUri('sips:alice:secret@Atlanta.Example.COM:5071;transport=TCP;lr?subject=a&priority=b')).toEqual({
      scheme: 'sips',
      user: 'alice',
      password: 'secret',
      host: 'atlanta.example.com',
      port: 5071,
      params: new Map([
        ['transport', 'TCP'],
        ['lr', ''],
      ]),
      headers: 'subject=a&priority=b',
    });
  });

  it.each([
    'sip:a@b',
    'sip:b',
    'sip:b:5060',
    'sip:a:p@b:5060;lr;x=y?h=v',
    'sip:+1-201@[2001:db8::1]:5060',
    'sip:a;b=c@d',
    'sip:*67#@h',
    'sips:%40@h',
    'tel:+12015550123;phone-context=example.com',
    'urn:service:sos',
    'http://example.com/a?b',
  ])('%s is written as it was read', (text) => {
    const uri = parseUri(text);
    expect(uri && formatUri(uri)).toBe(text);
  });

  it('may say the same twice, as some carriers do', () => {
    expect(parseUri('sip:a@b;user=phone;user=phone')?.params).toEqual(new Map([['user', 'phone']]));
  });

  it('have equal text when they differ in escapes of ordinary characters only', () => {
    expect(parseUri('sip:%61lice%2f@h')).toEqual(parseUri('sip:alice%2F@h'));
  });

  it.each([
    '',
    'sip:',
    'sip',
    ':a@b',
    'sip:@h',
    'sip:a@',
    'sip:a@b@c',
    'sip:a b@c',
    'sip:a@b c',
    'sip:a@b:',
    'sip:a@b:x',
    'sip:a@b:65536',
    'sip:a@b;',
    'sip:a@b;;lr',
    'sip:a@b;ttl=1;TTL=2',
    'sip:a@b;x=%zz',
    'sip:a%@b',
    'sip:a@[::1',
    'sip:a@[1.2.3.4]',
    'sip:a@[fe80::1%eth0]',
    'sip:a@b?',
    'sip:ä@b',
    'sip:a@b\r\nX: y',
    'tel:',
    'tel:abcxyz',
    '1sip:a@b',
    'si p:a@b',
    'x:',
  ])('%j is none', (text) => {
    expect(parseUri(text)).toBeUndefined();
  });
});
