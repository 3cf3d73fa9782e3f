import { describe, expect, it } from 'vitest';
import { outboundPolicySchema } from './policy.js';
import { isListed, isSameTarget, readTarget } from './target.js';

const policy = {
  numbers: ['+1415', '+442079460123'],
  uris: ['sip:shop*@pbx.example.com', 'sip:desk@10.0.0.5:5080', 'sip:*@*.partner.example', 'sip:a@[2001:db8::1]'],
};
const listed = (text: string): boolean => {
  const target = readTarget(text, 'US');
  return typeof target !== 'string' && isListed(policy, target);
};

describe('the list of outbound targets', () => {
  it.each([
    '+14155550100',
    '(415) 555-0100',
    'tel:+14155550100',
    'tel:+14155550100;ext=7',
    '+44 20 7946 0123',
    'sip:shop@pbx.example.com',
    'sip:shop-12@PBX.example.com;transport=tls',
    'sip:desk@10.0.0.5:5080',
    'sip:anybody@eu.partner.example',
    'sip:a@[2001:db8::1]',
  ])('has %s', (text) => {
    expect(listed(text)).toBe(true);
  });

  it.each([
    ['another number', '+14165550100'],
    ['a number that begins like a listed one further in', '+9914155550100'],
    ['a premium number', '+19005550100'],
    ['a host that only begins like a listed one', 'sip:shop@pbx.example.com.evil.example'],
    ['a host that only ends like a listed one', 'sip:x@evilpartner.example'],
    ['the bare domain of a pattern', 'sip:x@partner.example'],
    ['a user that looks like a host', 'sip:shop@pbx.example.com@evil.example'],
    ['another port', 'sip:shop@pbx.example.com:5070'],
    ['a port left out', 'sip:desk@10.0.0.5'],
    ['another user', 'sip:ashop@pbx.example.com'],
    ['no user', 'sip:pbx.example.com'],
    ['another way to the same name', 'sip:shop@pbx.example.com;maddr=203.0.113.9'],
    ['a route in the URI', 'sip:shop@pbx.example.com?Route=%3Csip:evil.example%3E'],
    ['sips', 'sips:shop@pbx.example.com'],
    ['a line break', 'sip:shop@pbx.example.com\r\nX: y'],
    ['nothing', ''],
    ['a book', `+1415${'5'.repeat(100_000)}`],
  ])('has not: %s', (_name, text) => {
    expect(listed(text)).toBe(false);
  });

  it('takes patterns of the documented form only', () => {
    const fits = (change: Readonly<Record<string, unknown>>): boolean => outboundPolicySchema.safeParse(change).success;
    expect(fits({ numbers: ['+1'], uris: ['sip:*@example.com'], trunk: 'sip:trunk.example.com' })).toBe(true);
    for (const number of ['', '1415', '+', '+0', '+1415*', '+14 15']) expect(fits({ numbers: [number] })).toBe(false);
    const uris = [
      'sip:',
      'sip:shop',
      '*',
      'sip:*',
      'sip:@example.com*',
      'sip:a@*',
      'sip:a@ex*.com',
      'sips:a@b.example',
    ];
    // A user left out is nobody: such an entry fits no URI with one.
    for (const uri of uris) expect([uri, fits({ uris: [uri] })]).toEqual([uri, false]);
    expect(fits({ trunk: 'http://example.com' })).toBe(false);
    expect(fits({ anything: 1 })).toBe(false);
  });

  it('knows a destination by its value, whatever the transport', () => {
    const same = (text: string, value: string): boolean => {
      const target = readTarget(text, 'US');
      return typeof target !== 'string' && isSameTarget(target, value);
    };
    expect(same('sip:line@127.0.0.1:5080', 'sip:line@127.0.0.1:5080;transport=udp')).toBe(true);
    expect(same('415 555 0100', '+14155550100')).toBe(true);
    expect(same('sip:line@127.0.0.1', 'sip:line@127.0.0.1:5080')).toBe(false);
    expect(same('sip:+14155550100@127.0.0.1', '+14155550100')).toBe(false);
  });
});
