import { createHash, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newToken } from '../../core/ids.js';
import { secretFile } from '../vault/index.js';
import { createDashboardVerifier, type DashboardKeys } from './dashboard-token.js';
import type { Principal } from './principal.js';
import { newAdminToken } from './shared-admin-token.js';

export type AccessOptions = {
  readonly dataDir: string;
  /** DASHBOARD_JWT_SECRET. */
  readonly jwtSecret: string | null;
  /** DASHBOARD_JWKS_URL. */
  readonly jwksUrl: string | null;
  /** REDIS_URL is set: several instances may run, so secrets made by one are refused. */
  readonly sharedStore: boolean;
  /** The admin token when instances share one; default: that of `dataDir`, made at the first start. */
  readonly adminToken?: { readonly value: string; readonly created: boolean };
  readonly clock: Clock;
};

/** A kind of credential recognised by its form: API keys, session tokens. Null: not of this kind. */
export type CredentialReader = (credential: string) => Promise<Principal | null>;

export type Access = {
  /**
   * Who presents this bearer credential. Throws GatewayError unauthorized (also for null: none was given) or
   * identity_unavailable.
   */
  authenticate(credential: string | null): Promise<Principal>;
  /** Adds a kind of credential that is asked before dashboard JWTs. */
  register(reader: CredentialReader): void;
  /** Secrets of this access, for the redactor of the log. */
  readonly secrets: readonly string[];
  /** What works and should not be so, a sentence each, for the log at start. */
  readonly warnings: readonly string[];
  /** Set when it was written at this start. */
  readonly adminTokenCreated: boolean;
  readonly adminTokenPath: string;
};

export const adminTokenFile = 'admin-token';
export const jwtSecretFile = 'dashboard-jwt-secret';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const dashboardKeys = (options: AccessOptions): DashboardKeys => {
  const { jwtSecret, jwksUrl, dataDir } = options;
  if (jwtSecret !== null && jwksUrl !== null) {
    throw new GatewayError(
      'config_invalid',
      'DASHBOARD_JWT_SECRET and DASHBOARD_JWKS_URL are both set: keep one of them.',
    );
  }
  if (jwksUrl !== null) {
    const url = URL.canParse(jwksUrl) ? new URL(jwksUrl) : null;
    if (url === null || !['https:', 'http:'].includes(url.protocol)) {
      throw new GatewayError('config_invalid', 'DASHBOARD_JWKS_URL must be an https: address.');
    }
    return { kind: 'jwks', url: jwksUrl };
  }
  if (jwtSecret !== null) return { kind: 'secret', secret: jwtSecret };
  if (options.sharedStore) {
    throw new GatewayError(
      'config_invalid',
      'REDIS_URL is set and neither DASHBOARD_JWT_SECRET nor DASHBOARD_JWKS_URL is: every instance must verify the same tokens, so set one of them.',
    );
  }
  return { kind: 'secret', secret: secretFile(join(dataDir, jwtSecretFile), () => newToken(32)).value };
};

/**
 * Credentials of this gateway: the admin token (in `dataDir/admin-token`, 0600, from the first start on) and dashboard
 * JWTs. Throws GatewayError config_invalid for a contradiction in the options.
 */
export const createAccess = (options: AccessOptions): Access => {
  const keys = dashboardKeys(options);
  const adminTokenPath = join(options.dataDir, adminTokenFile);
  const admin = options.adminToken ?? secretFile(adminTokenPath, newAdminToken);
  const adminDigest = digest(admin.value);
  const verify = createDashboardVerifier(keys, () => options.clock.now());
  const readers: CredentialReader[] = [];
  return {
    secrets: keys.kind === 'secret' ? [admin.value, keys.secret] : [admin.value],
    warnings:
      keys.kind === 'secret' && Buffer.byteLength(keys.secret) < 32
        ? [
            'DASHBOARD_JWT_SECRET is shorter than 32 bytes: such a secret can be guessed from one token (RFC 7518 section 3.2).',
          ]
        : [],
    adminTokenCreated: admin.created,
    adminTokenPath,
    register: (reader) => void readers.push(reader),
    async authenticate(credential) {
      if (credential === null || credential === '') {
        throw new GatewayError('unauthorized', 'The request carries no credential: send `Authorization: Bearer …`.');
      }
      // Digests have one length, so the comparison takes the same time whatever was sent.
      if (timingSafeEqual(digest(credential), adminDigest)) {
        return { kind: 'admin-token', orgId: null, role: 'operator', scopes: null, sub: 'admin-token' };
      }
      for (const reader of readers) {
        const principal = await reader(credential);
        if (principal !== null) return principal;
      }
      return verify(credential);
    },
  };
};
