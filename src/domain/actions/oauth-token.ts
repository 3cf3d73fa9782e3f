import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { type EgressClient, EgressFailure, type RequestUrl } from '../../platform/egress/index.js';
import type { ClientAuthentication } from './definition.js';
import { isRecord, type JsonValue } from './template/values.js';

export type TokenRequest = {
  readonly organizationId: string;
  readonly tokenUrl: RequestUrl;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly clientAuthentication: ClientAuthentication;
};

/** A token endpoint that gave no token. The message never holds what the endpoint wrote, which may echo secrets. */
export class TokenError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TokenError';
  }
}

export type TokenSource = {
  /** A token that is valid now. Rejects with TokenError, or with EgressFailure `timeout` when `budgetMs` runs out. */
  get(request: TokenRequest, budgetMs: number): Promise<string>;
  /** Forgets this very token: the target did not take it. A newer one stays. */
  invalidate(request: TokenRequest, token: string): void;
  /** Fetches a token ahead of its use. Never rejects. */
  warm(request: TokenRequest): Promise<void>;
};

type Entry = {
  token: string | undefined;
  /** Monotonic milliseconds. */
  expires: number;
  refreshAt: number;
  pending: Promise<string> | undefined;
  failedAt: number;
  failure: TokenError | undefined;
};

/** The token endpoint's own limit; each waiting call has its deadline besides. */
const fetchTimeoutMs = 10_000;
const maxTokenResponse = 65_536;
/** A token whose life is not stated is renewed after this long. */
const unstatedLifeMs = 300_000;
const refreshAheadMs = 30_000;
/** After a failure the endpoint is left alone this long; calls in between fail at once with the same reason. */
const failureHoldMs = 1_000;
const maxEntries = 1_000;

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** The key holds no secret in clear: it may turn up in a heap dump's map of names. */
const keyOf = (request: TokenRequest): string =>
  digest(
    JSON.stringify([
      request.organizationId,
      request.tokenUrl.href,
      request.clientId,
      request.clientSecret,
      request.scope,
      request.clientAuthentication,
    ]),
  );

/** application/x-www-form-urlencoded as RFC 6749 appendix B asks for id and secret in Basic. */
const formEncode = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2);

const basicOf = ({ clientId, clientSecret, clientAuthentication }: TokenRequest): string | undefined => {
  if (clientAuthentication === 'post') return undefined;
  const encode = clientAuthentication === 'basic' ? formEncode : (text: string): string => text;
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`, 'utf8').toString('base64')}`;
};

const bodyOf = (request: TokenRequest): string => {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (request.scope !== '') form.set('scope', request.scope);
  if (request.clientAuthentication === 'post') {
    form.set('client_id', request.clientId);
    form.set('client_secret', request.clientSecret);
  }
  return form.toString();
};

/** RFC 6749 section 5.2: the closed set of error codes, the only part of an error that is safe to repeat. */
const errorCodes: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]);

const parse = (body: Buffer): { readonly [key: string]: JsonValue } => {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
};

/** The token and its life in milliseconds. Lenient where endpoints differ: no token_type, a string as expires_in, 201. */
const readToken = (status: number, body: Buffer, host: string): { token: string; lifeMs: number } => {
  const answer = parse(body);
  if (status !== 200 && status !== 201) {
    const code = typeof answer.error === 'string' && errorCodes.has(answer.error) ? ` (${answer.error})` : '';
    throw new TokenError(`The token endpoint ${host} answered ${status}${code}.`);
  }
  const { access_token: token, token_type: type, expires_in: expires } = answer;
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw new TokenError(`The token endpoint ${host} answered ${status} without a usable access_token.`);
  }
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer') {
    throw new TokenError(`The token endpoint ${host} gave a token of a type other than Bearer.`);
  }
  const seconds = typeof expires === 'string' && /^\d{1,10}$/.test(expires.trim()) ? Number(expires) : expires;
  const stated = typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0;
  return { token, lifeMs: stated ? Math.min(seconds, 86_400 * 30) * 1000 : unstatedLifeMs };
};

const waitAtMost = async (work: Promise<string>, clock: Clock, budgetMs: number): Promise<string> => {
  let cancel = (): void => {};
  const expired = new Promise<never>((_resolve, reject) => {
    const timer = clock.after(Math.max(0, budgetMs), () =>
      reject(new EgressFailure('timeout', 'The token did not arrive in time.', { beforeRequest: true })),
    );
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    cancel();
  }
};

/**
 * Access tokens by client credentials (RFC 6749 section 4.4), cached in memory only: one request in flight however many
 * calls wait, renewed in the background before they expire.
 */
export const createTokenSource = (http: EgressClient, clock: Clock): TokenSource => {
  const entries = new Map<string, Entry>();

  const entryOf = (key: string): Entry => {
    const known = entries.get(key);
    if (known !== undefined) {
      entries.delete(key);
      entries.set(key, known);
      return known;
    }
    const fresh: Entry = {
      token: undefined,
      expires: 0,
      refreshAt: 0,
      pending: undefined,
      failedAt: 0,
      failure: undefined,
    };
    entries.set(key, fresh);
    if (entries.size > maxEntries) {
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    }
    return fresh;
  };

  const fetchToken = async (request: TokenRequest, entry: Entry): Promise<string> => {
    const basic = basicOf(request);
    const host = new URL(request.tokenUrl.origin).host;
    try {
      const answer = await http.request({
        purpose: 'action',
        method: 'POST',
        url: request.tokenUrl,
        headers: [
          'user-agent',
          'OpenCX',
          'accept',
          'application/json',
          'accept-encoding',
          'identity',
          'content-type',
          'application/x-www-form-urlencoded',
          ...(basic === undefined ? [] : ['authorization', basic]),
        ],
        body: bodyOf(request),
        timeoutMs: fetchTimeoutMs,
        maxResponseBytes: maxTokenResponse,
      });
      const { token, lifeMs } = readToken(answer.status, answer.body, host);
      const now = clock.monotonic();
      entry.token = token;
      entry.expires = now + lifeMs;
      // Long-lived tokens are renewed in their last tenth, short-lived ones in the second half of their life.
      entry.refreshAt = entry.expires - Math.min(Math.max(refreshAheadMs, lifeMs / 10), lifeMs / 2);
      entry.failure = undefined;
      return token;
    } catch (error) {
      const failure =
        error instanceof TokenError
          ? error
          : new TokenError(
              `The token endpoint ${host} gave no token: ${error instanceof Error ? error.message : 'unknown error'}`,
              error,
            );
      entry.failure = failure;
      entry.failedAt = clock.monotonic();
      throw failure;
    } finally {
      entry.pending = undefined;
    }
  };

  const renew = (request: TokenRequest, entry: Entry): Promise<string> => {
    entry.pending ??= fetchToken(request, entry);
    return entry.pending;
  };

  const get = async (request: TokenRequest, budgetMs: number): Promise<string> => {
    const entry = entryOf(keyOf(request));
    const now = clock.monotonic();
    if (entry.token !== undefined && now < entry.expires) {
      const rested = entry.failure === undefined || now - entry.failedAt >= failureHoldMs;
      // The old token serves while the new one is on its way; whether that fails shows when it is needed.
      if (now >= entry.refreshAt && rested) renew(request, entry).catch(() => {});
      return entry.token;
    }
    if (entry.pending === undefined && entry.failure !== undefined && now - entry.failedAt < failureHoldMs)
      throw entry.failure;
    return waitAtMost(renew(request, entry), clock, budgetMs);
  };

  return {
    get,
    invalidate(request, token) {
      const entry = entries.get(keyOf(request));
      if (entry?.token === token) entry.token = undefined;
    },
    async warm(request) {
      await get(request, fetchTimeoutMs).catch(() => {});
    },
  };
};
