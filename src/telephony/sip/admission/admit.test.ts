import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../core/manual-clock.js';
import { parseProfile } from '../profiles/loader.js';
import { profileRegistry } from '../profiles/registry.js';
import type { RequestView } from '../request-view.js';
import { admissionState, judge, passHeader } from './admit.js';
import { readSessionDescription } from './body.js';

const registry = (...documents: readonly string[]) =>
  profileRegistry(
    new Map(
      documents
        .map((text, index) => [`${index}`, parseProfile(text, 'x.yaml')] as const)
        .map(([, profile]) => [profile.name, profile]),
    ),
  );
const local = registry('name: local\ninbound: { sources: [127.0.0.1, "::1"], rateLimit: null }');

const view = (headers: Readonly<Record<string, string>>, overrides: Partial<RequestView> = {}): RequestView => ({
  method: 'INVITE',
  uri: 'sip:+14155550100@gw',
  body: '',
  source: { transport: 'udp', address: '127.0.0.1', port: 5060 },
  header: (name) => headers[name.toLowerCase()],
  ...overrides,
});
const source = (address: string, transport = 'udp') => ({ source: { transport, address, port: 5060 } });

describe('judging an INVITE', () => {
  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1'])('lets %s in as local, without limit', (address) => {
    const state = admissionState(local, manualClock());
    for (let count = 0; count < 500; count++) {
      expect(judge(view({ from: '<sip:a@b>' }, source(address)), state).admitted).toBe(true);
    }
  });

  it.each(['127.0.0.2', '127.1.1.1', '10.0.0.1', '::2', '', 'nonsense'])('knows no profile for %s', (address) => {
    const verdict = judge(view({}, source(address)), admissionState(local, manualClock()));
    expect(verdict).toMatchObject({
      admitted: false,
      profile: null,
      rejection: { status: 403, reason: 'unknown-source' },
    });
  });

  it('asks for each rule in its order: the first that fails decides', () => {
    const state = admissionState(
      registry(
        'name: t\ninbound: { sources: [10.0.0.0/8], transports: [tls], rateLimit: { perSecond: 1, burst: 1 }, digest: { realm: r, users: [{ username: u, password: p }] } }\nmedia: { security: required }',
      ),
      manualClock(),
    );
    const reasonOf = (transport: string) => {
      const verdict = judge(view({ require: 'nonsense' }, source('10.1.1.1', transport)), state);
      return verdict.admitted ? 'admitted' : verdict.rejection.reason;
    };
    expect(reasonOf('udp')).toBe('transport');
    expect(reasonOf('TLS')).toBe('digest-missing');
    expect(reasonOf('tls')).toBe('rate-limit');
  });

  it('lets a call of our own in under the profile its pass names, once, and nobody with another pass', () => {
    const carrier =
      'name: t\ninbound: { sources: [10.0.0.0/8], transports: [tls], rateLimit: { perSecond: 1, burst: 1 }, digest: { realm: r, users: [{ username: u, password: p }] } }';
    const passes = new Map([['good', 't']]);
    const take = (pass: string): string | null => {
      const name = passes.get(pass) ?? null;
      passes.delete(pass);
      return name;
    };
    const state = admissionState(registry(carrier), manualClock(), { take });
    const withPass = (pass: string) => view({ [passHeader.toLowerCase()]: pass, from: '<sip:a@b>' });
    expect(judge(withPass('bad'), state)).toMatchObject({ rejection: { reason: 'unknown-source' } });
    expect(judge(withPass('good'), state)).toMatchObject({ admitted: true, profile: { name: 't' } });
    expect(judge(withPass('good'), state)).toMatchObject({ rejection: { reason: 'unknown-source' } });
    const without = admissionState(registry(carrier), manualClock());
    expect(judge(withPass('good'), without)).toMatchObject({ rejection: { reason: 'unknown-source' } });
  });

  it('takes the profile with the most specific range', () => {
    const state = admissionState(
      registry('name: wide\ninbound: { sources: [10.0.0.0/8] }', 'name: narrow\ninbound: { sources: [10.1.0.0/16] }'),
      manualClock(),
    );
    expect(judge(view({}, source('10.1.2.3')), state).profile?.name).toBe('narrow');
    expect(judge(view({}, source('10.2.2.3')), state).profile?.name).toBe('wide');
  });

  it('counts a source once, however its address is written', () => {
    const state = admissionState(
      registry('name: t\ninbound: { sources: [192.0.2.1], rateLimit: { perSecond: 1, burst: 2 } }'),
      manualClock(),
    );
    expect(judge(view({}, source('192.0.2.1')), state).admitted).toBe(true);
    expect(judge(view({}, source('::ffff:192.0.2.1')), state).admitted).toBe(true);
    expect(judge(view({}, source('192.0.2.1')), state)).toMatchObject({
      rejection: { status: 503, headers: { 'Retry-After': '1' } },
    });
  });

  it('never throws, whatever the headers are (20,000 seeded mutations)', () => {
    const state = admissionState(local, manualClock());
    // Multiplicative congruential generator: the same texts in every run.
    let seed = 42;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const typical = {
      from: '"Ann \\"A\\"" <sip:+14155550123@pbx;user=phone>;tag=1',
      'p-asserted-identity': '"X" <sip:+14155550124@c>, <tel:+14155550124;phone-context=x>',
      'remote-party-id': '<sip:1@c>;privacy=full;party=calling',
      privacy: 'id;critical',
      require: '100rel, timer',
      'session-expires': '1800;refresher=uac',
      supported: 'timer',
      'content-type': 'multipart/mixed;boundary="b"',
      authorization:
        'Digest username="a", realm="b", nonce="c", uri="d", response="e", qop=auth, nc=00000001, cnonce="f"',
      diversion: '<sip:+1@t>;reason=x',
      to: '<sip:+14155550100@gw>',
    };
    const pieces = [
      '<',
      '>',
      '"',
      ';',
      ',',
      '=',
      '%',
      '%00',
      '\0',
      '\r\n',
      '@',
      'sip:',
      'tel:',
      '[::1]',
      '\u202e',
      'é',
      '\ud800',
      'a'.repeat(5000),
      '',
    ];
    const mutate = (text: string): string => {
      const at = random(text.length + 1);
      return text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at + random(4));
    };
    for (let count = 0; count < 20_000; count++) {
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(typical)) {
        if (random(3) === 0) continue;
        headers[name] = random(2) === 0 ? value : mutate(mutate(value));
      }
      const verdict = judge(
        view(headers, {
          uri: mutate('sip:+14155550100@gw;x=y'),
          body: mutate('--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\n--b--'),
        }),
        state,
      );
      if (verdict.admitted) {
        const { caller, called } = verdict.value;
        expect(caller.e164 === null || /^\+\d{7,15}$/.test(caller.e164)).toBe(true);
        expect(called.number === null || /^\+\d{7,15}$/.test(called.number)).toBe(true);
        expect(`${caller.raw}${caller.display}${called.raw}`).not.toMatch(/[\u0000-\u001f\u202e]/);
      } else expect(verdict.rejection.status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('the body of an INVITE', () => {
  const body = (type: string | undefined, text: string, encoding?: string) =>
    readSessionDescription({
      body: text,
      header: (name) => (name === 'content-type' ? type : name === 'content-encoding' ? encoding : undefined),
    });

  it('is SDP, the SDP part of several, or refused with what we read', () => {
    expect(body(undefined, '')).toEqual({ admitted: true, value: null });
    expect(body('application/sdp', 'v=0')).toEqual({ admitted: true, value: 'v=0' });
    expect(body('Application/SDP; charset=x', 'v=0')).toEqual({ admitted: true, value: 'v=0' });
    expect(body(undefined, 'v=0\r\n')).toEqual({ admitted: true, value: 'v=0\r\n' });
    expect(
      body(
        'multipart/mixed;boundary=b',
        '--b\r\nContent-Type: text/x\r\n\r\nno\r\n--b\r\ncontent-type: application/sdp\r\n\r\nv=0\r\n--b--',
      ),
    ).toEqual({ admitted: true, value: 'v=0\r\n' });
    expect(body('text/plain', 'v=0')).toMatchObject({ rejection: { status: 415 } });
    expect(body('multipart/mixed', 'v=0')).toMatchObject({ rejection: { status: 415 } });
    expect(body('application/sdp', 'v=0', 'gzip')).toMatchObject({
      rejection: { status: 415, headers: { 'Accept-Encoding': 'identity' } },
    });
  });
});
