import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../core/manual-clock.js';
import { digestResponse } from './algorithm.js';
import { answerChallenge } from './answer.js';
import { parseDigests } from './fields.js';
import { createNonces, NONCE_LIFETIME } from './nonces.js';
import { challengeValues, type DigestPolicy, verifyDigest } from './verify.js';

const rfc7616 = {
  session: false,
  username: 'Mufasa',
  realm: 'http-auth@example.org',
  password: 'Circle of Life',
  method: 'GET',
  uri: '/dir/index.html',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  quality: { qop: 'auth', nc: '00000001', cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ' },
  body: '',
} as const;

describe('the digest computation', () => {
  it('gives the responses printed in RFC 7616 section 3.9.1', () => {
    expect(digestResponse({ ...rfc7616, hash: 'MD5' })).toBe('8ca523f5e9506fed4657c9700eebdbec');
    expect(digestResponse({ ...rfc7616, hash: 'SHA-256' })).toBe(
      '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
    );
  });

  it('gives the response printed in RFC 2617 section 3.5', () => {
    expect(
      digestResponse({
        hash: 'MD5',
        session: false,
        username: 'Mufasa',
        realm: 'testrealm@host.com',
        password: 'Circle Of Life',
        method: 'GET',
        uri: '/dir/index.html',
        nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
        quality: { qop: 'auth', nc: '00000001', cnonce: '0a4f113b' },
        body: '',
      }),
    ).toBe('6629fae49393a05397450978507c4ef1');
  });
});

describe('reading challenges and credentials', () => {
  it('keeps commas and quotes inside values, and tells joined challenges apart', () => {
    const read = parseDigests(
      'Digest realm="a, \\"b\\"", nonce="1",qop="auth,auth-int" , stale = TRUE, Basic realm="x", digest nonce="2", realm=y',
    );
    expect(read.map((fields) => Object.fromEntries(fields))).toEqual([
      { realm: 'a, "b"', nonce: '1', qop: 'auth,auth-int', stale: 'TRUE' },
      { nonce: '2', realm: 'y' },
    ]);
  });

  it.each(['', 'Digest', 'garbage', 'Digest realm="open', 'a'.repeat(10_000), 'Digest ,,,,=,=', '"'.repeat(4000)])(
    'survives %s',
    (text) => {
      expect(parseDigests(text).every((fields) => fields.size <= 1)).toBe(true);
    },
  );
});

const policy: DigestPolicy = {
  realm: 'gw',
  algorithms: ['SHA-256', 'MD5'],
  users: [{ username: 'bob', password: 'secret' }],
};
const request = { method: 'INVITE', uri: 'sip:+1@gw', body: 'v=0' };

describe('verifying credentials', () => {
  const setUp = () => {
    const clock = manualClock();
    const nonces = createNonces(clock);
    const challenge = (index: number) => challengeValues(policy, nonces, false)[index] ?? '';
    const answer = (index: number, password = 'secret') =>
      answerChallenge(challenge(index), { username: 'bob', password }, request) ?? '';
    const verify = (authorization: string | undefined, method = 'INVITE') =>
      verifyDigest(authorization, { ...request, method }, policy, nonces);
    return { clock, nonces, answer, verify };
  };

  it.each([0, 1])('lets in what answers our own challenge %i', (index) => {
    const { answer, verify } = setUp();
    expect(verify(answer(index))).toEqual({ ok: true, username: 'bob' });
  });

  it('turns away a replay of the same request', () => {
    const { answer, verify } = setUp();
    const captured = answer(0);
    expect(verify(captured).ok).toBe(true);
    expect(verify(captured)).toMatchObject({ ok: false, fault: 'stale' });
  });

  it.each([
    ['no header', () => undefined, 'missing'],
    ['another realm', () => 'Digest realm="other", nonce="1"', 'missing'],
    ['a wrong password', ({ answer }: ReturnType<typeof setUp>) => answer(0, 'guess'), 'wrong'],
    ['another method', ({ answer }: ReturnType<typeof setUp>) => answer(0), 'wrong', 'BYE'],
    ['an unknown user', ({ answer }: ReturnType<typeof setUp>) => answer(0).replace('"bob"', '"eve"'), 'wrong'],
    [
      'an algorithm not offered',
      ({ answer }: ReturnType<typeof setUp>) => answer(0).replace('SHA-256', 'SHA-512-256'),
      'wrong',
    ],
    ['a nonce not ours', ({ answer }: ReturnType<typeof setUp>) => answer(0).replace(/nonce="./, 'nonce="x'), 'stale'],
    ['a broken counter', ({ answer }: ReturnType<typeof setUp>) => answer(0).replace(/nc=\d+/, 'nc=zz'), 'wrong'],
  ] as const)('turns away %s', (_name, make, fault, method: string = 'INVITE') => {
    const it_ = setUp();
    expect(it_.verify(make(it_), method)).toMatchObject({ ok: false, fault });
  });

  it('calls right credentials with an old nonce stale, wrong ones wrong', () => {
    const { clock, answer, verify } = setUp();
    const [right, bad] = [answer(0), answer(0, 'guess')];
    clock.advance(NONCE_LIFETIME + 1);
    expect(verify(right)).toMatchObject({ fault: 'stale' });
    expect(verify(bad)).toMatchObject({ fault: 'wrong' });
  });

  it('takes a growing counter on one nonce', () => {
    const { nonces, verify } = setUp();
    const nonce = nonces.issue('gw');
    const made = (nc: string): string => {
      const response = digestResponse({
        hash: 'MD5',
        session: false,
        username: 'bob',
        realm: 'gw',
        password: 'secret',
        ...request,
        nonce,
        quality: { qop: 'auth', nc, cnonce: 'c' },
      });
      return `Digest username="bob", realm="gw", nonce="${nonce}", uri="${request.uri}", response="${response}", qop=auth, nc=${nc}, cnonce="c"`;
    };
    expect(verify(made('00000001')).ok).toBe(true);
    expect(verify(made('00000003')).ok).toBe(true);
    expect(verify(made('00000002')).ok).toBe(false);
    expect(verify(made('0000000a')).ok).toBe(true);
  });
});

describe('the memory of nonces', () => {
  it('is bounded, and what it forgets counts as used', () => {
    const clock = manualClock();
    const nonces = createNonces(clock, 3);
    const first = nonces.issue('gw');
    expect(nonces.use(first, 1)).toBe(true);
    for (let count = 0; count < 10; count++) {
      clock.advance(1);
      expect(nonces.use(nonces.issue('gw'), 1)).toBe(true);
    }
    expect(nonces.check(first, 'gw')).toBe('stale');
    expect(nonces.use(first, 2)).toBe(false);
  });

  it('knows the nonces of another realm or instance as foreign', () => {
    const nonces = createNonces(manualClock());
    expect(nonces.check(nonces.issue('gw'), 'other')).toBe('foreign');
    expect(nonces.check(createNonces(manualClock()).issue('gw'), 'gw')).toBe('foreign');
    expect(nonces.check('', 'gw')).toBe('foreign');
  });
});
