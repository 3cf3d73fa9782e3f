import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayError, isGatewayError } from '../../core/errors.js';
import { manualClock } from '../../core/manual-clock.js';
import { type AccessOptions, createAccess } from './access.js';
import { type Action, authorize, permissions } from './authorize.js';
import { mintDashboardToken } from './dashboard-token.js';
import type { Principal, Role } from './principal.js';

const clock = manualClock(1_800_000_000_000);
const secret = 'a-secret-of-more-than-thirty-two-bytes';
const key = new TextEncoder().encode(secret);
const seconds = (): number => Math.floor(clock.now() / 1_000);

let dataDir = '';
let jwks: Server;
let jwksUrl = '';
let pair: Awaited<ReturnType<typeof generateKeyPair>>;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'access-'));
  pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'key-1', alg: 'ES256', use: 'sig' };
  jwks = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
  const { port } = jwks.address() as AddressInfo;
  jwksUrl = `http://127.0.0.1:${port}/jwks.json`;
});
afterAll(async () => {
  rmSync(dataDir, { recursive: true });
  await new Promise((resolve) => jwks.close(resolve));
});

const options = (changes: Partial<AccessOptions> = {}): AccessOptions => ({
  dataDir,
  jwtSecret: secret,
  jwksUrl: null,
  sharedStore: false,
  clock,
  ...changes,
});

const outcome = (promise: Promise<Principal>): Promise<string> =>
  promise.then(
    (principal) => `${principal.role} ${principal.sub} ${principal.orgId ?? '-'}`,
    (error: unknown) => (isGatewayError(error) ? `${error.code}: ${error.message}` : `other: ${String(error)}`),
  );

const sign = (claims: Record<string, unknown>, alg = 'HS256', withKey: Uint8Array = key): Promise<string> =>
  new SignJWT({ sub: 'u1', org: 'acme', role: 'admin', exp: seconds() + 60, ...claims })
    .setProtectedHeader({ alg })
    .sign(withKey);

const unsigned = (claims: object): string => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
};

describe('credentials', () => {
  it('writes the admin token once, for its owner only, and takes it as operator', async () => {
    const dir = join(dataDir, 'first');
    const first = createAccess(options({ dataDir: dir }));
    const again = createAccess(options({ dataDir: dir }));
    expect([first.adminTokenCreated, again.adminTokenCreated]).toEqual([true, false]);
    expect(statSync(first.adminTokenPath).mode & 0o777).toBe(0o600);
    const token = readFileSync(first.adminTokenPath, 'utf8').trim();
    expect(await outcome(again.authenticate(token))).toBe('operator admin-token -');
    expect(await outcome(again.authenticate(`${token}x`))).toMatch(/^unauthorized/);
    expect(first.secrets).toContain(token);
  });

  it('takes a dashboard token with sub, org, role and exp', async () => {
    const access = createAccess(options());
    const token = await mintDashboardToken({
      secret,
      sub: 'u1',
      org: 'acme',
      role: 'viewer',
      ttl: 60,
      now: clock.now(),
    });
    expect(await outcome(access.authenticate(token))).toBe('viewer u1 acme');
    const operator = await mintDashboardToken({
      secret,
      sub: 'op',
      org: null,
      role: 'operator',
      ttl: 60,
      now: clock.now(),
    });
    expect(await outcome(access.authenticate(operator))).toBe('operator op -');
  });

  it('refuses every token that is not exactly that', async () => {
    const access = createAccess(options());
    const refusals: [string | null, string][] = [
      [null, 'carries no credential'],
      ['', 'carries no credential'],
      ['nonsense', 'not a signed JWT'],
      ['x'.repeat(100_000), 'too long'],
      [await sign({ exp: undefined }), '"exp" is missing'],
      [await sign({ exp: seconds() - 6 }), 'has expired'],
      [await sign({ nbf: seconds() + 60 }), '"nbf"'],
      [await sign({}, 'HS512'), 'algorithm'],
      [unsigned({ sub: 'u1', org: 'acme', role: 'admin', exp: seconds() + 60 }), 'algorithm'],
      [await sign({}, 'HS256', new TextEncoder().encode(`${secret}x`)), 'signature'],
      [await sign({ sub: undefined }), 'no subject'],
      [await sign({ org: undefined }), 'no organization'],
      [await sign({ org: '../other' }), 'no organization'],
      [await sign({ role: 'root' }), 'role is none of'],
      [await sign({ role: 'agent' }), 'role is none of'],
      [await sign({ role: 'operator' }), 'operator belongs to no organization'],
      [await sign({ aud: 'voice-prefetch' }), 'another purpose'],
    ];
    for (const [token, phrase] of refusals) {
      const text = await outcome(access.authenticate(token));
      expect(text).toMatch(/^unauthorized/);
      expect(text).toContain(phrase);
    }
  });

  it('generates the dashboard secret once when none is configured, and not beside a shared store', async () => {
    const dir = join(dataDir, 'generated');
    createAccess(options({ dataDir: dir, jwtSecret: null }));
    const made = readFileSync(join(dir, 'dashboard-jwt-secret'), 'utf8').trim();
    const access = createAccess(options({ dataDir: dir, jwtSecret: null }));
    const token = await mintDashboardToken({
      secret: made,
      sub: 'u',
      org: 'acme',
      role: 'admin',
      ttl: 9,
      now: clock.now(),
    });
    expect(await outcome(access.authenticate(token))).toBe('admin u acme');
    expect(() => createAccess(options({ jwtSecret: null, sharedStore: true }))).toThrow(GatewayError);
    expect(() => createAccess(options({ jwksUrl }))).toThrow('both set');
  });

  it('verifies by a key set, and never takes its public key for a secret', async () => {
    const access = createAccess(options({ jwtSecret: null, jwksUrl }));
    const claims = { sub: 'u1', org: 'acme', role: 'editor', exp: seconds() + 60 };
    const good = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'key-1' }).sign(pair.privateKey);
    expect(await outcome(access.authenticate(good))).toBe('editor u1 acme');
    const publicText = new TextEncoder().encode(JSON.stringify(await exportJWK(pair.publicKey)));
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'key-1' }).sign(publicText);
    expect(await outcome(access.authenticate(forged))).toMatch(/^unauthorized.*algorithm/);
    const stranger = await generateKeyPair('ES256');
    const unknown = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'key-2' })
      .sign(stranger.privateKey);
    expect(await outcome(access.authenticate(unknown))).toMatch(/^unauthorized/);
    const nobody = createAccess(options({ jwtSecret: null, jwksUrl: 'http://127.0.0.1:1/jwks.json' }));
    expect(await outcome(nobody.authenticate(good))).toMatch(/^identity_unavailable/);
  });

  it('warns of a secret that can be guessed', () => {
    expect(createAccess(options({ jwtSecret: 'short' })).warnings).toEqual([
      expect.stringContaining('shorter than 32 bytes'),
    ]);
    expect(createAccess(options()).warnings).toEqual([]);
  });

  it('asks registered readers before it takes a credential for a JWT', async () => {
    const access = createAccess(options());
    const principal: Principal = {
      kind: 'api-key',
      orgId: 'acme',
      role: 'admin',
      scopes: ['sessions:read'],
      sub: 'key-7',
    };
    access.register(async (credential) => (credential.startsWith('ocx_live_') ? principal : null));
    expect(await outcome(access.authenticate('ocx_live_abc'))).toBe('admin key-7 acme');
    expect(await outcome(access.authenticate('other'))).toMatch(/^unauthorized/);
  });
});

describe('the table of permissions', () => {
  const principal = (role: Role, changes: Partial<Principal> = {}): Principal => ({
    kind: 'dashboard',
    orgId: role === 'operator' ? null : 'acme',
    role,
    scopes: null,
    sub: 'u',
    ...changes,
  });
  const judge = (who: Principal, action: Action, orgId: string | null): string => {
    try {
      authorize(who, action, orgId);
      return 'ok';
    } catch (error) {
      return isGatewayError(error) ? error.code : 'other';
    }
  };

  it('decides every action for every role, and a foreign organization does not exist', () => {
    for (const action of Object.keys(permissions) as Action[]) {
      const allowed: readonly Role[] = permissions[action];
      for (const role of ['admin', 'editor', 'viewer', 'operator', 'agent'] as const) {
        expect([action, role, judge(principal(role), action, 'acme')]).toEqual([
          action,
          role,
          allowed.includes(role) ? 'ok' : 'forbidden',
        ]);
        if (role !== 'operator') expect(judge(principal(role), action, 'globex')).toBe('not_found');
      }
    }
  });

  it('narrows a role by scopes', () => {
    const who = principal('admin', { scopes: ['sessions:read', 'contacts:*'] });
    expect(judge(who, 'sessions:read', 'acme')).toBe('ok');
    expect(judge(who, 'contacts:read', 'acme')).toBe('ok');
    expect(judge(who, 'document:write', 'acme')).toBe('forbidden');
  });
});
