import { randomBytes } from 'node:crypto';
import { type DigestHash, digestResponse } from './algorithm.js';
import { type DigestFields, parseDigests, quotedValue } from './fields.js';

export type Credentials = { readonly username: string; readonly password: string };

const hashes: Readonly<Record<string, { hash: DigestHash; session: boolean }>> = {
  md5: { hash: 'MD5', session: false },
  'md5-sess': { hash: 'MD5', session: true },
  'sha-256': { hash: 'SHA-256', session: false },
  'sha-256-sess': { hash: 'SHA-256', session: true },
};

const hashOf = (challenge: DigestFields) => hashes[(challenge.get('algorithm') ?? 'MD5').toLowerCase()];

const qopOf = (challenge: DigestFields): 'auth' | 'auth-int' | 'none' | 'unknown' => {
  const offered = challenge.get('qop');
  if (offered === undefined) return 'none';
  const options = offered.split(',').map((option) => option.trim().toLowerCase());
  if (options.includes('auth')) return 'auth';
  return options.includes('auth-int') ? 'auth-int' : 'unknown';
};

/**
 * The value of (Proxy-)Authorization that answers a challenge, or null when none of its challenges can be met
 * (unknown algorithm or qop, no realm or nonce). The first one that can be met counts: a server lists them in order of
 * preference (RFC 8760 section 2.4).
 *
 * drachtio-srf could do this itself, but for MD5 only, and it mixes several challenges up.
 */
export const answerChallenge = (
  challengeText: string,
  credentials: Credentials,
  request: { readonly method: string; readonly uri: string; readonly body: string },
): string | null => {
  const challenge = parseDigests(challengeText).find(
    (fields) =>
      fields.has('realm') && fields.has('nonce') && hashOf(fields) !== undefined && qopOf(fields) !== 'unknown',
  );
  const algorithm = challenge === undefined ? undefined : hashOf(challenge);
  if (challenge === undefined || algorithm === undefined) return null;
  const realm = challenge.get('realm') ?? '';
  const nonce = challenge.get('nonce') ?? '';
  const qop = qopOf(challenge);
  const quality =
    qop === 'auth' || qop === 'auth-int' ? { qop, nc: '00000001', cnonce: randomBytes(8).toString('hex') } : undefined;
  const response = digestResponse({
    ...algorithm,
    ...credentials,
    ...request,
    realm,
    nonce,
    ...(quality === undefined ? {} : { quality }),
  });
  const fields = [
    `username=${quotedValue(credentials.username)}`,
    `realm=${quotedValue(realm)}`,
    `nonce=${quotedValue(nonce)}`,
    `uri=${quotedValue(request.uri)}`,
    `response="${response}"`,
    `algorithm=${challenge.get('algorithm') ?? 'MD5'}`,
  ];
  if (quality !== undefined) fields.push(`cnonce="${quality.cnonce}"`, `qop=${quality.qop}`, `nc=${quality.nc}`);
  const opaque = challenge.get('opaque');
  if (opaque !== undefined) fields.push(`opaque=${quotedValue(opaque)}`);
  return `Digest ${fields.join(', ')}`;
};
