import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose';
import { GatewayError } from '../../core/errors.js';
import { type DashboardRole, dashboardRoles, type Principal } from './principal.js';

/** How dashboard JWTs are verified: a shared secret (HS256) or the keys of an identity provider. */
export type DashboardKeys =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'jwks'; readonly url: string };

/** Seconds two clocks may differ. */
const CLOCK_TOLERANCE = 5;
const LONGEST = 8_192;
/** Audiences of tokens that are not the dashboard's; a token made for another purpose must not pass here. */
const foreignAudiences = new Set(['voice-prefetch', 'voice-session']);

const refused = (why: string, cause?: unknown): GatewayError =>
  new GatewayError('unauthorized', `The token is not valid: ${why}.`, cause === undefined ? {} : { cause });

const why = (error: unknown): string => {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its claim ${JSON.stringify(error.claim)} is missing or does not fit`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not fit';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not the one agreed on';
  if (error instanceof errors.JWKSNoMatchingKey) return 'the key it names is not known';
  return 'it is not a signed JWT';
};

const roleOf = (value: unknown): DashboardRole | undefined => dashboardRoles.find((role) => role === value);

const principalOf = (claims: JWTPayload): Principal => {
  const { sub, org } = claims;
  const role = roleOf(claims.role);
  if (typeof sub !== 'string' || sub === '' || sub.length > 255) throw refused('it has no subject (sub)');
  if (role === undefined) throw refused('its role is none of admin, editor, viewer, operator');
  for (const audience of [claims.aud ?? []].flat()) {
    if (foreignAudiences.has(audience)) throw refused('it was made for another purpose');
  }
  if (role === 'operator') {
    if (org !== undefined && org !== null) throw refused('an operator belongs to no organization, and it names one');
    return { kind: 'dashboard', orgId: null, role, scopes: null, sub };
  }
  if (typeof org !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(org))
    throw refused('it has no organization (org)');
  return { kind: 'dashboard', orgId: org, role, scopes: null, sub };
};

/**
 * A verifier of dashboard JWTs: `exp` required, algorithm pinned by the kind of key (HS256 for the secret, asymmetric
 * ones for a key set: a public key must never be taken for a secret), claims `sub`, `org`, `role`.
 * Throws GatewayError unauthorized, or identity_unavailable when the key set cannot be fetched.
 */
export const createDashboardVerifier = (
  keys: DashboardKeys,
  now: () => number,
): ((token: string) => Promise<Principal>) => {
  const algorithms =
    keys.kind === 'secret'
      ? ['HS256']
      : ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];
  const key: Uint8Array | JWTVerifyGetKey =
    keys.kind === 'secret'
      ? new TextEncoder().encode(keys.secret)
      : createRemoteJWKSet(new URL(keys.url), { timeoutDuration: 3_000, cooldownDuration: 10_000 });
  return async (token) => {
    if (token.length > LONGEST) throw refused('it is too long');
    const options = {
      algorithms,
      clockTolerance: CLOCK_TOLERANCE,
      requiredClaims: ['exp'],
      currentDate: new Date(now()),
    };
    try {
      const verified =
        typeof key === 'function' ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options);
      return principalOf(verified.payload);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      const known = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
      if (known && !(error.code === 'ERR_JOSE_GENERIC' && keys.kind === 'jwks')) throw refused(why(error), error);
      throw new GatewayError('identity_unavailable', 'The keys that verify dashboard tokens cannot be fetched.', {
        cause: error,
      });
    }
  };
};

/** Mints a dashboard JWT with the shared secret. `ttl` in seconds, at least 1. */
export const mintDashboardToken = (request: {
  readonly secret: string;
  readonly sub: string;
  readonly org: string | null;
  readonly role: DashboardRole;
  readonly ttl: number;
  readonly now: number;
}): Promise<string> => {
  const issued = Math.floor(request.now / 1_000);
  return new SignJWT({ role: request.role, ...(request.org === null ? {} : { org: request.org }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(request.sub)
    .setIssuedAt(issued)
    .setExpirationTime(issued + Math.max(1, Math.round(request.ttl)))
    .sign(new TextEncoder().encode(request.secret));
};
