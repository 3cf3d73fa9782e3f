import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import { GatewayError } from '../../core/errors.js';

const AUDIENCE = 'voice-prefetch';
const ISSUER = 'voice-gateway';
const ALGORITHM = 'HS256';
/** Longer than any token of ours: what is longer is not looked at. */
const LONGEST = 2_048;
const orgForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

export type PrefetchTokenClaims = {
  readonly orgId: string;
  /** Names the key that signs, within the organization. */
  readonly keyId: string;
  /** ms since the epoch; tokens count whole seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
};

const refused = (why: string, cause?: unknown): GatewayError =>
  new GatewayError('unauthorized', `The webhook address is not valid: ${why}.`, cause === undefined ? {} : { cause });

const seconds = (ms: number): number => Math.floor(ms / 1_000);

/** Signs the token of a webhook address. The same claims and key give the same token, so none has to be stored. */
export const signPrefetchToken = (claims: PrefetchTokenClaims, key: Uint8Array): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: claims.keyId })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(claims.orgId)
    .setIssuedAt(seconds(claims.issuedAt))
    .setExpirationTime(seconds(claims.expiresAt))
    .sign(key);

/**
 * What the token claims, before anything is verified: only for finding the key. Throws GatewayError unauthorized for
 * what cannot be a token of ours.
 */
export const claimedKey = (token: string): { readonly orgId: string; readonly keyId: string } => {
  if (token.length > LONGEST) throw refused('its token is too long');
  try {
    const { kid, alg } = decodeProtectedHeader(token);
    const { sub } = decodeJwt(token);
    if (alg === ALGORITHM && typeof kid === 'string' && /^[\w-]{1,64}$/.test(kid) && sub !== undefined) {
      if (orgForm.test(sub)) return { orgId: sub, keyId: kid };
    }
  } catch (cause) {
    throw refused('its token cannot be read', cause);
  }
  throw refused('its token is none of a prefetch address');
};

/**
 * Verifies a token with the key it names: algorithm, issuer, audience, expiry. Resolves with the time it expires, ms
 * since the epoch. Throws GatewayError unauthorized.
 */
export const verifyPrefetchToken = async (token: string, key: Uint8Array, now: number): Promise<number> => {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      audience: AUDIENCE,
      issuer: ISSUER,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now),
    });
    return (payload.exp ?? 0) * 1_000;
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw refused('it has expired; copy the new one from the dashboard into the Zendesk webhook', error);
    }
    if (error instanceof errors.JWTClaimValidationFailed) throw refused('it was made for another purpose', error);
    throw refused('its signature does not fit', error);
  }
};
