import { z } from 'zod';
import { runErrorTypes } from '../../domain/actions/index.js';
import type { Principal } from '../../platform/access/index.js';
import { idempotencyKey } from '../http/idempotency.js';

/** The answer to an execution. */
export const executeSchema = z.strictObject({
  success: z.boolean(),
  statusCode: z.int().nullable(),
  outputs: z.record(z.string(), z.unknown()),
  error: z.strictObject({ code: z.enum(runErrorTypes), message: z.string() }).optional(),
  durationMs: z.number(),
});

/**
 * How a run is told from others: the same key of the same credential is the same order, to the target too, and is not
 * given up when who asked for it has gone. Throws GatewayError bad_request.
 */
export const turnOf = (
  principal: Pick<Principal, 'kind' | 'sub'>,
  header: string | string[] | undefined,
  signal: AbortSignal,
): { readonly turn: string | null; readonly signal: AbortSignal | null } => {
  const key = idempotencyKey(header);
  if (key === null) return { turn: null, signal };
  return { turn: `${principal.kind} ${principal.sub} ${key}`, signal: null };
};
