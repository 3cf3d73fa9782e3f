import { describe, expect, it } from 'vitest';
import { BULLETS, createRedactor, isSecretName } from './redaction.js';

describe('redaction', () => {
  it('knows the names of secrets and leaves ordinary names alone', () => {
    const secret = ['Authorization', 'proxy-authorization', 'Cookie', 'X-Api-Key', 'X-Shop-Token', 'client_secret'];
    const more = ['x-twilio-signature', 'password', 'clientSecret', 'sealedPassword', 'accessToken', 'api-key'];
    expect([...secret, ...more].filter((name) => !isSecretName(name))).toEqual([]);
    const plain = ['key', 'keys', 'monkey', 'tokens', 'author', 'Idempotency-Key', 'called', 'kid', 'donkey'];
    expect(plain.filter((name) => isSecretName(name))).toEqual([]);
  });

  it('replaces a known secret wherever it stands, also inside JSON text and as part of a longer secret', () => {
    const redactor = createRedactor(['canary-1', 'canary-1-long', 'with "quote"']);
    expect(redactor.text('a canary-1-long b canary-1')).toBe(`a ${BULLETS} b ${BULLETS}`);
    expect(redactor.text(JSON.stringify({ note: 'with "quote"' }))).toBe(`{"note":"${BULLETS}"}`);
  });

  it('does not take a short value for a secret', () => {
    const redactor = createRedactor(['a', '12345']);
    expect(redactor.text('a 12345')).toBe('a 12345');
  });

  it('recognises credentials by their form', () => {
    const { text } = createRedactor();
    expect(text('Bearer abcdef.123')).toBe(`Bearer ${BULLETS}`);
    expect(text('got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln here')).toBe(`got ${BULLETS} here`);
    expect(text('POST /backend/zendesk-v2/voice-prefetch/abc.def?x=1')).toBe(
      `POST /backend/zendesk-v2/voice-prefetch/${BULLETS}?x=1`,
    );
    expect(text('redis://user:hunter22@host:6379')).toBe(`redis://user:${BULLETS}@host:6379`);
  });

  it('walks objects, errors with their causes, cycles and depths', () => {
    const redactor = createRedactor(['canary-secret']);
    const cause = new Error('inner canary-secret');
    const error = Object.assign(new Error('outer', { cause }), { apiKey: 'x', note: 'canary-secret' });
    const cyclic: Record<string, unknown> = { headers: { Authorization: 'abc', Accept: 'json' }, error };
    cyclic.self = cyclic;
    const text = JSON.stringify(redactor.value(cyclic));
    expect(text).not.toContain('canary-secret');
    expect(JSON.parse(text)).toMatchObject({
      headers: { Authorization: BULLETS, Accept: 'json' },
      error: { type: 'Error', message: 'outer', apiKey: BULLETS, cause: { message: `inner ${BULLETS}` } },
      self: '[circular]',
    });
  });

  it('remembers ten thousand later secrets, the newest, and the lasting ones for good', () => {
    const redactor = createRedactor(['lasting-secret']);
    for (let i = 0; i < 10_001; i += 1) redactor.add(`later-secret-number-${i}.`);
    redactor.add('later-secret-number-5.');
    redactor.add('later-secret-number-new.');
    expect(redactor.text('later-secret-number-0. later-secret-number-1.')).toBe(
      'later-secret-number-0. later-secret-number-1.',
    );
    expect(redactor.text('later-secret-number-5. later-secret-number-10000.')).toBe(`${BULLETS} ${BULLETS}`);
    expect(redactor.text('later-secret-number-new.lasting-secret')).toBe(`${BULLETS}${BULLETS}`);
  });

  it('forgets what was held when the last one lets go, and not what is known for another reason', () => {
    const redactor = createRedactor(['lasting-secret']);
    redactor.add('later-secret');
    const holds = ['held-secret', 'held-secret', 'later-secret', 'lasting-secret', 'short'].map(redactor.hold);
    const all = 'held-secret later-secret lasting-secret short';
    expect(redactor.text(all)).toBe(`${BULLETS} ${BULLETS} ${BULLETS} short`);
    holds[0]?.();
    holds[0]?.();
    expect(redactor.text(all)).toBe(`${BULLETS} ${BULLETS} ${BULLETS} short`);
    for (const forget of holds) forget();
    expect(redactor.text(all)).toBe(`held-secret ${BULLETS} ${BULLETS} short`);
  });

  it('gets through long hostile text: a pattern that backtracked would never end', () => {
    const redactor = createRedactor(['canary-secret']);
    const hostile = ['a:'.repeat(50_000), 'eyJ'.repeat(30_000), 'x://'.repeat(25_000), 'Bearer '.repeat(14_000)];
    for (const text of hostile) expect(redactor.text(`${text} canary-secret`).endsWith(BULLETS)).toBe(true);
  });

  it('finds a JWT behind words joined to it by a dash, and one whose neighbours only look like one', () => {
    const { text } = createRedactor();
    expect(text('session-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln')).toBe(`session-${BULLETS}`);
    expect(text('eyJ-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln')).toBe(BULLETS);
    expect(text('no.eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln')).toBe(`no.${BULLETS}`);
    expect(text('monkeyJumps.over.it')).toBe('monkeyJumps.over.it');
  });

  it('takes the time of a text eight times as long eight times, and not its square', () => {
    const { text } = createRedactor();
    // The shortest of three: other work of the machine only ever adds.
    const took = (hostile: string, length: number): number => {
      const value = hostile.repeat(Math.ceil(length / hostile.length));
      const times = [0, 1, 2].map(() => {
        const begun = performance.now();
        text(value);
        return performance.now() - begun;
      });
      return Math.max(1, Math.min(...times));
    };
    for (const hostile of [
      'eyJ-',
      '-eyJ',
      'eyJaaaaaa.aa.',
      'eyJ-aaaaaaaa.',
      'x-',
      'a://',
      'a:',
      'a.a',
      'Basic ',
      'vgs_-',
    ]) {
      expect(took(hostile, 32_768) / took(hostile, 4_096), hostile).toBeLessThan(24);
    }
  });

  it('cuts the texts of a log line, and never in the middle of a secret', () => {
    const redactor = createRedactor(['canary-secret']);
    expect(redactor.line({ note: 'x'.repeat(9_000) })).toEqual({ note: `${'x'.repeat(8_192)}…` });
    const straddling = `${'canary-secret '.repeat(2_340)}canary-secret${'x'.repeat(40_000)}`;
    expect(JSON.stringify(redactor.line({ note: straddling }))).not.toContain('cana');
    expect(redactor.value('x'.repeat(9_000))).toHaveLength(9_000);
  });
});
