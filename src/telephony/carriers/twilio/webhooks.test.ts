import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSignedByTwilio } from './webhooks.js';

const token = '12345';
const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';
type Parameters = Readonly<Record<string, string | readonly string[]>>;
const call: Parameters = {
  ...{ CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234', From: '+14158675309' },
  To: '+18005551212',
};
const signature = 'RSOYDt4T1cUTdK1PDd93/VVr8B8=';

const form = (parameters: Parameters): string =>
  new URLSearchParams(
    Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((each): [string, string] => [name, each])),
  ).toString();
const json = '{"property": "value", "boolean": true}';
const digest = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620';
const emptyDigest = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';

describe('what the twilio package takes in its own tests (spec/validation.spec.js of twilio-node)', () => {
  const port = url.replace('.com', '.com:1234');
  const addresses = { 'MessagingBinding.Address': ['+1325xxxxxxx', '+1415xxxxxxx'] };
  it.each<[string, string, string, string]>([
    ['a form', url, form(call), signature],
    ['https with a port that Twilio has not signed', port, form(call), signature],
    ['http with a port', port.replace('https', 'http'), form(call), 'Zmvh+3yNM1Phv2jhDCwEM3q5ebU='],
    ['https, signed with port 443', url, form(call), 'kvajT1Ptam85bY51eRf/AJRuM3w='],
    ['http, signed with port 80', url.replace('https', 'http'), form(call), '0ZXoZLH/DfblKGATFgpif+LLRf4='],
    ['a user and password', url.replace('//', '//user:pass@'), form(call), 'CukzLTc1tT5dXEDIHm/tKBanW10='],
    ['a user', url.replace('//', '//user@'), form(call), '2YRLlVAflCqxaNicjMpJcSTgzSs='],
    ['a user, signed with port 443', url.replace('//', '//user:pass@'), form(call), 'ZQFR1PTIZXF2MXB8ZnKCvnnA+rI='],
    ['special characters in the query', `${url}&Body=It's+amazing`, form(call), 'dsq4Ehbj6cs+KdTkpF5sSSplOWw='],
    ['a parameter with two values', url, form(addresses), '83O6e2vORAoJHUNzJjDWN1jz+BA='],
    [
      'one in another order',
      url,
      form({ 'MessagingBinding.Address': [...addresses['MessagingBinding.Address']].reverse() }),
      '83O6e2vORAoJHUNzJjDWN1jz+BA=',
    ],
    [
      'a value that comes twice',
      url,
      form({ Sid: 'CA123', SidAccount: 'AC123', Digits: ['5678', '1234', '1234'] }),
      'IK+Dwps556ElfBT0I3Rgjkr1wJU=',
    ],
    ['JSON by its digest', `${url}&bodySHA256=${digest}`, json, 'a9nBmqA0ju/hNViExpshrM61xv4='],
    ['empty JSON by its digest', `${url}&bodySHA256=${emptyDigest}`, '{}', 'Ldidvp12m26NI7eqEvxnEpkd9Hc='],
    [
      'the digest as the only parameter',
      `https://mycompany.com/myapp.php?bodySHA256=${digest}`,
      json,
      'y77kIzt2vzLz71DgmJGsen2scGs=',
    ],
  ])('%s', (_name, asked, body, signed) => {
    expect(isSignedByTwilio(token, signed, asked, body)).toBe(true);
    expect(isSignedByTwilio('12346', signed, asked, body)).toBe(false);
    expect(isSignedByTwilio(token, signed, asked, `${body}&x=1`)).toBe(false);
  });

  it.each<[string, string | undefined, string, string]>([
    ['a wrong signature', 'WRONG_SIGNATURE', url, form(call)],
    ['none', undefined, url, form(call)],
    ['an empty one', '', url, form(call)],
    ['JSON without its digest', signature, url, json],
    ['a digest that is cut', 'a9nBmqA0ju/hNViExpshrM61xv4=', `${url}&bodySHA256=${digest.slice(0, -1)}`, json],
    ['something in the query that was not signed', signature, `${url}&somethingUnexpected=true`, form(call)],
    ['an address that is none', signature, 'voice', form(call)],
  ])('but not %s', (_name, signed, asked, body) => {
    expect(isSignedByTwilio(token, signed, asked, body)).toBe(false);
  });
});

it('a digest in the address binds the body, whatever else is signed', () => {
  const other = '{"property": "another", "boolean": true}';
  const address = `https://example.com/status?bodySHA256=${createHash('sha256').update(other).digest('hex')}`;
  const signed = createHmac('sha1', token).update(address).digest('base64');
  expect(isSignedByTwilio(token, signed, address, other)).toBe(true);
  expect(isSignedByTwilio(token, signed, address, json)).toBe(false);
});

it('the other vector of the documentation holds too', () => {
  const from = form({ ...call, Caller: '+12349013030', From: '+12349013030' });
  expect(isSignedByTwilio(token, '0/KCTR6DLpKmkAf8muzZqo1nDgQ=', url, from)).toBe(true);
  expect(isSignedByTwilio(token, '0/KCTR6DLpKmkAf8muzZqo1nDgQ=', url, form(call))).toBe(false);
});
