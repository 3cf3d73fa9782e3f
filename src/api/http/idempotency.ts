import { createHash } from 'node:crypto';
import { GatewayError } from '../../core/errors.js';
import type { Principal } from '../../platform/access/index.js';
import type { KeptAnswers } from '../../platform/redis/index.js';
import type { RawRequest, Reply, Route } from './route.js';

/** The `Idempotency-Key` of a request, null when it has none. Throws GatewayError bad_request. */
export const idempotencyKey = (header: string | string[] | undefined): string | null => {
  if (header === undefined) return null;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new GatewayError('bad_request', 'Idempotency-Key must be 1 to 255 printable characters without spaces.');
};

/**
 * Runs a request, or gives the answer of the one before it with the same key, whichever instance it reached. Throws
 * GatewayError conflict when the key was used for another request, bad_request when it is no key, store_unavailable.
 */
export type AnswerOnce = (
  route: Route,
  principal: Principal,
  request: Pick<RawRequest, 'headers' | 'target' | 'body'>,
  run: () => Promise<Reply>,
) => Promise<Reply>;

/** A request is all that was sent: method, path, query and body, byte for byte. */
export const createAnswerOnce =
  (kept: KeptAnswers): AnswerOnce =>
  async (route, principal, { headers, target, body }, run) => {
    const key = route.idempotency === 'kept' ? idempotencyKey(headers['idempotency-key']) : null;
    if (key === null) return run();
    const fingerprint = createHash('sha256').update(`${route.method} ${target}\n`).update(body).digest('base64');
    // Two who use the same key mean two things.
    const request = {
      organization: principal.orgId ?? '',
      key: `${principal.kind} ${principal.sub} ${key}`,
      fingerprint,
    };
    return kept.once(request, run);
  };
