import { describe, expect, it } from 'vitest';
import { parseProfile } from '../profiles/loader.js';
import type { RequestView } from '../request-view.js';
import { readCalled, readCaller, readCustomHeaders, readNumber } from './parties.js';

const profile = parseProfile(
  'name: test\ncountry: US\ninbound: { called: { from: [request-uri, diversion, to] } }',
  'x',
);

const request = (uri: string, headers: Readonly<Record<string, string>>): RequestView => ({
  method: 'INVITE',
  uri,
  body: '',
  source: { transport: 'udp', address: '127.0.0.1', port: 5060 },
  header: (name) => headers[name.toLowerCase()],
});

describe('a number', () => {
  it.each([
    ['+14155550100', 'auto', 'US', '+14155550100'],
    ['14155550100', 'auto', 'US', '+14155550100'],
    ['4155550100', 'auto', 'US', '+14155550100'],
    ['(415) 555-0100', 'auto', 'US', '+14155550100'],
    ['011442079460000', 'auto', 'US', '+442079460000'],
    ['02079460000', 'national', 'GB', '+442079460000'],
    ['00442079460000', 'national', 'DE', '+442079460000'],
    ['442079460000', 'e164', 'US', '+442079460000'],
    ['442079460000', 'auto', 'US', '+442079460000'],
    ['4155550100', 'e164', 'US', null],
    ['alice', 'auto', 'US', null],
    ['1-800-FLOWERS', 'auto', 'US', null],
    ['100', 'auto', 'US', null],
    ['', 'auto', 'US', null],
    ['+', 'auto', 'US', null],
    ['+123456789012345678', 'auto', 'US', null],
  ] as const)('%s as %s in %s is %s', (text, format, country, expected) => {
    expect(readNumber(text, format, country)).toBe(expected);
  });
});

describe('the called party', () => {
  it.each([
    ['sip:+14155550100@gw', {}, '+14155550100', '+14155550100'],
    ['sip:%2B14155550100;npdi;rn=+1@gw;user=phone', {}, '+14155550100', '+14155550100'],
    ['tel:+1-415-555-0100', {}, '+14155550100', '+1-415-555-0100'],
    ['tel:5550100;phone-context=+1415', {}, '+14155550100', '+14155550100'],
    [
      'sip:gw.example',
      { diversion: '<sip:+14155550100@twilio.com>;reason=unconditional' },
      '+14155550100',
      '+14155550100',
    ],
    ['sip:support@gw', { to: '"S" <sip:+14155550100@gw>' }, '+14155550100', 'support'],
    ['sip:support@gw', { to: '<sip:support@gw>' }, null, 'support'],
    ['sip:gw.example', { to: '<sip:gw.example>' }, null, 'sip:gw.example'],
  ])('%s is read from its places', (uri, headers, number, raw) => {
    expect(readCalled(request(uri, headers), profile)).toEqual({ number, raw });
  });

  it('loses the technical prefix of its trunk', () => {
    const prefixed = parseProfile('name: p\ninbound: { called: { stripPrefix: "99#" } }', 'x');
    expect(readCalled(request('sip:99#4155550100@gw', {}), prefixed).number).toBe('+14155550100');
    expect(readCalled(request('sip:4155550100@gw', {}), prefixed).number).toBe('+14155550100');
  });
});

describe('the caller', () => {
  const caller = (headers: Readonly<Record<string, string>>) => readCaller(request('sip:x@gw', headers), profile);
  const number = '<sip:+14155550123@carrier>';

  it('is read from P-Asserted-Identity before From, with the display name that is there', () => {
    expect(caller({ from: '"Ann" <sip:anna@pbx>', 'p-asserted-identity': `${number}, <tel:+14155550124>` })).toEqual({
      e164: '+14155550123',
      raw: '+14155550123',
      display: 'Ann',
      withheld: false,
    });
    expect(caller({ from: '<sip:+14155550125@pbx>;tag=1' }).e164).toBe('+14155550125');
  });

  it('without a number keeps the name it came with', () => {
    expect(caller({ from: '"Bob \\"B\\"" <sip:bob@pbx>;tag=1' })).toEqual({
      e164: null,
      raw: 'bob',
      display: 'Bob "B"',
      withheld: false,
    });
  });

  it.each([
    ['Privacy id', { from: number, privacy: 'id' }],
    ['Privacy user', { from: number, privacy: 'critical;user' }],
    ['Privacy header among others', { from: number, privacy: 'none, Header' }],
    ['an anonymous From', { from: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1' }],
    ['an anonymous display name', { from: '"Anonymous" <sip:+14155550123@c>;tag=1' }],
    ['a From without user', { from: '<sip:carrier.example>;tag=1' }],
    ['a From that cannot be read', { from: '<<<' }],
    ['no From', {}],
    ['the word restricted', { from: '<sip:Restricted@c>' }],
    ['the word unavailable', { from: '<sip:unavailable@c>' }],
    ['the keypad number of ANONYMOUS', { from: '<sip:+266696687@c>' }],
    ['the keypad number of RESTRICTED without plus', { from: '<sip:7378742833@c>' }],
    ['a private Remote-Party-ID', { from: number, 'remote-party-id': `${number};privacy=full` }],
    ['an asserted sentinel', { from: number, 'p-asserted-identity': '<sip:anonymous@c>' }],
  ])('is withheld by %s, even when P-Asserted-Identity has a number', (_name, headers) => {
    const asserted = { 'p-asserted-identity': number, ...headers };
    const read = caller(asserted);
    expect(read).toMatchObject({ e164: null, display: null, withheld: true });
    expect(JSON.stringify(read)).not.toContain('4155550123');
  });

  it('is not withheld by Privacy none', () => {
    expect(caller({ from: number, privacy: 'none' }).withheld).toBe(false);
  });

  it('cannot smuggle control characters, directions or kilobytes into records', () => {
    const read = caller({ from: `"${'A\u202e\u0007'.repeat(500)}" <sip:b%00%0d%0aob@pbx>` });
    expect(read.display?.length).toBeLessThanOrEqual(128);
    expect(read.display).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(read.raw).toBe('b ob');
  });
});

describe('custom headers', () => {
  it('are the X- ones and User-to-User, bounded in number and length', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_value, index) => [`X-${index}`, 'v'.repeat(5000)]));
    const read = readCustomHeaders({ via: 'x', 'User-to-User': 'a', 'x-lower': 'b', 'X-Multi': 'c\u0000d', ...many });
    expect(read.get('user-to-user')).toBe('a');
    expect(read.get('x-lower')).toBe('b');
    expect(read.get('x-multi')).toBe('c d');
    expect(read.size).toBe(64);
    expect(read.get('x-0')).toHaveLength(1024);
    expect(read.has('via')).toBe(false);
  });
});
