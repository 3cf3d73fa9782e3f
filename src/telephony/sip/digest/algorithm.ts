import { createHash } from 'node:crypto';

/** Hash functions of SIP digest authentication (RFC 3261 section 22.4, RFC 8760). */
export type DigestHash = 'MD5' | 'SHA-256';

export type DigestInput = {
  readonly hash: DigestHash;
  /** True for the `-sess` variants, whose first hash covers the nonces too (RFC 7616 section 3.4.2). */
  readonly session: boolean;
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  /** Absent: the computation of RFC 2069, without client nonce and counter. */
  readonly quality?: { readonly qop: 'auth' | 'auth-int'; readonly nc: string; readonly cnonce: string };
  /** The body, needed for auth-int only. */
  readonly body: string;
};

/** The `response` of a digest (RFC 7616 section 3.4.1), lower-case hexadecimal. */
export const digestResponse = (input: DigestInput): string => {
  const h = (text: string): string =>
    createHash(input.hash === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const { quality, nonce } = input;
  const identity = h(`${input.username}:${input.realm}:${input.password}`);
  const a1 = input.session ? h(`${identity}:${nonce}:${quality?.cnonce ?? ''}`) : identity;
  const a2 =
    quality?.qop === 'auth-int'
      ? h(`${input.method}:${input.uri}:${h(input.body)}`)
      : h(`${input.method}:${input.uri}`);
  if (quality === undefined) return h(`${a1}:${nonce}:${a2}`);
  return h(`${a1}:${nonce}:${quality.nc}:${quality.cnonce}:${quality.qop}:${a2}`);
};
