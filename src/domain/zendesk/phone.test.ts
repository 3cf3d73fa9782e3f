import { expect, it } from 'vitest';
import { isAnonymousUser, usablePhone } from './phone.js';

it('reads numbers as people and carriers write them, without their extension', () => {
  const cases: [string, string | null, string | null][] = [
    ['+14155550100', null, '+14155550100'],
    ['+1 (415) 555-0100', null, '+14155550100'],
    ['+14155550100x123', null, '+14155550100'],
    ['+1 415 555 0100 ext. 12', null, '+14155550100'],
    ['+14155550100;ext=9', null, '+14155550100'],
    ['(415) 555-0100', 'US', '+14155550100'],
    ['(415) 555-0100', null, null],
    ['030 901820', 'DE', '+4930901820'],
    ['', 'US', null],
    ['   ', 'US', null],
    ['12', 'US', null],
    ['sip:+14155550100@x', 'US', null],
    [`+1415555${'0'.repeat(200)}`, 'US', null],
  ];
  for (const [text, country, expected] of cases) expect([text, usablePhone(text, country)]).toEqual([text, expected]);
});

it('takes none of the stand-ins of a withheld number for one', () => {
  for (const word of ['anonymous', 'Unknown', 'RESTRICTED', 'private', 'unavailable', 'blocked']) {
    expect([word, usablePhone(word, 'US')]).toEqual([word, null]);
  }
  for (const digits of ['+266696687', '+86282452253', '+8656696', '+2562533', '+7378742833', '7378742833']) {
    expect([digits, usablePhone(digits, 'US')]).toEqual([digits, null]);
  }
});

it('tells users that stand for anonymous callers from people', () => {
  const user = (name: string | null, phone: string | null, email: string | null = null) => ({ name, phone, email });
  expect(isAnonymousUser(user('Anonymous', null))).toBe(true);
  expect(isAnonymousUser(user('Unknown caller', 'restricted'))).toBe(true);
  expect(isAnonymousUser(user('Ada', '+266696687', 'ada@example.test'))).toBe(true);
  expect(isAnonymousUser(user('Anonymous', null, 'anon@example.test'))).toBe(false);
  expect(isAnonymousUser(user('Private', '+14155550100'))).toBe(false);
  expect(isAnonymousUser(user('Ada', null))).toBe(false);
});
