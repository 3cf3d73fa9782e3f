import { createHash, timingSafeEqual } from 'node:crypto';
import { digestResponse } from './algorithm.js';
import { type DigestFields, parseDigests, quotedValue } from './fields.js';
import type { Nonces } from './nonces.js';

export type DigestPolicy = {
  readonly realm: string;
  readonly algorithms: readonly ('MD5' | 'SHA-256')[];
  readonly users: readonly { readonly username: string; readonly password: string }[];
};

export type DigestVerdict =
  | { readonly ok: true; readonly username: string }
  | { readonly ok: false; readonly fault: 'missing' | 'stale' | 'wrong'; readonly detail: string };

const wrong = (detail: string): DigestVerdict => ({ ok: false, fault: 'wrong', detail });

/** Compares without telling by its time how far they agree; lengths are equalised by hashing. */
const sameText = (a: string, b: string): boolean => {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
};

/**
 * Verifies the Authorization header of a request (RFC 3261 section 22.4). With qop the counter of a nonce must grow; a
 * nonce without qop (RFC 2069 clients) is good for one request. `stale` means that everything was right but the age of
 * the nonce: the client may answer a new challenge without asking its user.
 */
export const verifyDigest = (
  authorization: string | undefined,
  request: { readonly method: string; readonly body: string },
  policy: DigestPolicy,
  nonces: Nonces,
): DigestVerdict => {
  if (authorization === undefined) return { ok: false, fault: 'missing', detail: 'no credentials were sent' };
  const fields = parseDigests(authorization).find((candidate) => candidate.get('realm') === policy.realm);
  if (fields === undefined) {
    return { ok: false, fault: 'missing', detail: 'the credentials are for another realm' };
  }
  const algorithm = (fields.get('algorithm') ?? 'MD5').toUpperCase();
  const hash = policy.algorithms.find((candidate) => candidate === algorithm);
  if (hash === undefined) return wrong('the digest uses an algorithm that was not offered');
  const nonce = fields.get('nonce') ?? '';
  const freshness = nonces.check(nonce, policy.realm);
  // A nonce of another instance or of the time before a restart is as good as an old one.
  if (freshness === 'foreign') return { ok: false, fault: 'stale', detail: 'the nonce is not ours' };
  const uri = fields.get('uri') ?? '';
  // Not compared with the Request-URI: proxies rewrite that and devices write all kinds of URI here, so in SIP a
  // difference is not necessarily a failure (RFC 3261 section 22.4). Method and nonce are covered by the digest.
  if (uri === '') return wrong('the digest names no URI');
  const quality = qualityOf(fields);
  if (quality === null) return wrong('qop, nc and cnonce do not go together');
  const username = fields.get('username') ?? '';
  const user = policy.users.find((candidate) => candidate.username === username);
  const expected = digestResponse({
    hash,
    session: false,
    username,
    realm: policy.realm,
    password: user?.password ?? '',
    method: request.method,
    uri,
    nonce,
    body: request.body,
    ...(quality === undefined ? {} : { quality }),
  });
  if (!sameText((fields.get('response') ?? '').toLowerCase(), expected) || user === undefined) {
    return wrong('user name or password is wrong');
  }
  if (freshness === 'stale') return { ok: false, fault: 'stale', detail: 'the nonce is too old' };
  const counter = quality === undefined ? 1 : Number.parseInt(quality.nc, 16);
  if (!nonces.use(nonce, counter)) return { ok: false, fault: 'stale', detail: 'the nonce was used before' };
  return { ok: true, username };
};

const qualityOf = (
  fields: DigestFields,
): { readonly qop: 'auth' | 'auth-int'; readonly nc: string; readonly cnonce: string } | null | undefined => {
  const qop = fields.get('qop')?.toLowerCase();
  if (qop === undefined) return undefined;
  const nc = fields.get('nc') ?? '';
  const cnonce = fields.get('cnonce') ?? '';
  if ((qop !== 'auth' && qop !== 'auth-int') || !/^[0-9a-f]{8}$/i.test(nc) || cnonce === '') return null;
  return { qop, nc, cnonce };
};

/**
 * The challenge of a 401, one value for each algorithm offered. They must go out as header lines of their own: the
 * grammar of this header has no list (RFC 3261 section 7.3.1).
 */
export const challengeValues = (policy: DigestPolicy, nonces: Nonces, stale: boolean): readonly string[] =>
  policy.algorithms.map(
    (algorithm) =>
      `Digest realm=${quotedValue(policy.realm)}, nonce="${nonces.issue(policy.realm)}", algorithm=${algorithm}, ` +
      `qop="auth"${stale ? ', stale=true' : ''}`,
  );
