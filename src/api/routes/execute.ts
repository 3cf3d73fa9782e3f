import { z } from 'zod';
import { GatewayError } from '../../core/errors.js';
import { runErrorTypes } from '../../domain/actions/index.js';

/** The answer to an execution. */
export const executeSchema = z.strictObject({
  success: z.boolean(),
  statusCode: z.int().nullable(),
  outputs: z.record(z.string(), z.unknown()),
  error: z.strictObject({ code: z.enum(runErrorTypes), message: z.string() }).optional(),
  durationMs: z.number(),
});

/** The `Idempotency-Key` of a request, null without one. Throws GatewayError bad_request. */
export const turnOf = (header: string | string[] | undefined): string | null => {
  const key = Array.isArray(header) ? header[0] : header;
  if (key === undefined) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new GatewayError('bad_request', 'Idempotency-Key must be 1 to 255 visible characters.');
  }
  return key;
};
