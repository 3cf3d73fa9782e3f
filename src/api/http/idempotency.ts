import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { createReplays, type Replays } from '../../domain/transfer/index.js';
import type { Principal } from '../../platform/access/index.js';
import type { RawRequest, Reply, Route } from './route.js';

/** The `Idempotency-Key` of a request, null when it has none. Throws GatewayError bad_request. */
export const idempotencyKey = (header: string | string[] | undefined): string | null => {
  if (header === undefined) return null;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new GatewayError('bad_request', 'Idempotency-Key must be 1 to 255 printable characters without spaces.');
};

/** Answers one organization has kept at once: its own requests push out the oldest of them, never another's. */
const MOST = 256;

/**
 * Runs a request, or gives the answer of the one before it with the same key. Throws GatewayError conflict when the key was
 * used for another request, bad_request when it is no key.
 */
export type AnswerOnce = (
  route: Route,
  principal: Principal,
  request: Pick<RawRequest, 'headers' | 'target' | 'body'>,
  run: () => Promise<Reply>,
) => Promise<Reply>;

/** Keeps answers for ten minutes, in the memory of this instance: a client that repeats itself does so at once. */
export const createAnswerOnce = (clock: Clock): AnswerOnce => {
  const byOrganization = new Map<string, Replays<Reply>>();
  const replaysOf = (organization: string): Replays<Reply> => {
    const known = byOrganization.get(organization) ?? createReplays<Reply>(clock, { most: MOST });
    byOrganization.set(organization, known);
    return known;
  };
  return async (route, principal, { headers, target, body }, run) => {
    const key = route.idempotency === 'kept' ? idempotencyKey(headers['idempotency-key']) : null;
    if (key === null) return run();
    const fingerprint = createHash('sha256').update(`${route.method} ${target}\n`).update(body).digest('base64');
    // Two who use the same key mean two things.
    return replaysOf(principal.orgId ?? '').once(`${principal.kind} ${principal.sub} ${key}`, fingerprint, run);
  };
};
