import { describe, expect, it } from 'vitest';
import { manualClock } from '../../core/manual-clock.js';
import type { EgressClient, EgressRequest } from '../../platform/egress/index.js';
import { createTokenSource, type TokenRequest } from './oauth-token.js';

const request: TokenRequest = {
  organizationId: 'acme',
  tokenUrl: new URL('https://auth.test/token'),
  clientId: 'id',
  clientSecret: 'secret',
  scope: '',
  clientAuthentication: 'post',
};

/** A token endpoint that answers when it is told to; the HTTP side is tested over real HTTPS elsewhere. */
const start = (expiresIn: number) => {
  const clock = manualClock();
  const pending: ((ok: boolean) => void)[] = [];
  let asked = 0;
  const http: EgressClient = {
    request: (_request: EgressRequest) =>
      new Promise((resolve, reject) => {
        asked += 1;
        const number = asked;
        pending.push((ok) => {
          const body = Buffer.from(JSON.stringify({ access_token: `t${number}`, expires_in: expiresIn }));
          const timing = { dns: 0, connect: 0, tls: 0, firstByte: 0, total: 0 };
          if (ok) resolve({ status: 200, headers: {}, body, timing });
          else reject(new Error('down'));
        });
      }),
    warm: async () => {},
    close: async () => {},
  };
  const answer = async (ok = true): Promise<void> => {
    pending.shift()?.(ok);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, tokens: createTokenSource(http, clock), answer, asked: () => asked };
};

describe('the life of a token', () => {
  it('is renewed ahead of its end while the old one goes on serving', async () => {
    const { clock, tokens, answer, asked } = start(600);
    const first = tokens.get(request, 5_000);
    await answer();
    expect(await first).toBe('t1');
    clock.advance(535_000);
    expect(await tokens.get(request, 5_000)).toBe('t1');
    expect(asked()).toBe(1);
    clock.advance(10_000);
    expect(await Promise.all([tokens.get(request, 5_000), tokens.get(request, 5_000)])).toEqual(['t1', 't1']);
    expect(asked()).toBe(2);
    await answer();
    expect(await tokens.get(request, 5_000)).toBe('t2');
  });

  it('goes on serving when a renewal fails, until it ends; then the failure shows', async () => {
    const { clock, tokens, answer, asked } = start(600);
    const first = tokens.get(request, 5_000);
    await answer();
    await first;
    clock.advance(550_000);
    expect(await tokens.get(request, 5_000)).toBe('t1');
    await answer(false);
    expect(await tokens.get(request, 5_000)).toBe('t1');
    expect(asked()).toBe(2);
    clock.advance(60_000);
    const last = expect(tokens.get(request, 5_000)).rejects.toThrow('auth.test gave no token');
    await answer(false);
    await last;
  });

  it('each waiting call keeps its own deadline, and the request goes on for the others', async () => {
    const { clock, tokens, answer } = start(600);
    const impatient = expect(tokens.get(request, 100)).rejects.toMatchObject({ kind: 'timeout' });
    const patient = tokens.get(request, 5_000);
    clock.advance(150);
    await impatient;
    await answer();
    expect(await patient).toBe('t1');
  });

  it('forgets the very token that was refused, not a newer one', async () => {
    const { tokens, answer, asked } = start(600);
    const first = tokens.get(request, 5_000);
    await answer();
    await first;
    tokens.invalidate(request, 'another');
    expect(await tokens.get(request, 5_000)).toBe('t1');
    tokens.invalidate(request, 't1');
    const second = tokens.get(request, 5_000);
    await answer();
    expect(await second).toBe('t2');
    expect(asked()).toBe(2);
  });

  it('an endpoint that fails is left alone for a second', async () => {
    const { clock, tokens, answer, asked } = start(600);
    const first = expect(tokens.get(request, 5_000)).rejects.toThrow();
    await answer(false);
    await first;
    await expect(tokens.get(request, 5_000)).rejects.toThrow('gave no token');
    expect(asked()).toBe(1);
    clock.advance(1_001);
    const second = tokens.get(request, 5_000);
    await answer();
    expect(await second).toBe('t2');
  });
});
