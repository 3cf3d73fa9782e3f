import { GatewayError } from '../../core/errors.js';

/** The `Idempotency-Key` of a request, null when it has none. Throws GatewayError bad_request. */
export const idempotencyKey = (header: string | string[] | undefined): string | null => {
  if (header === undefined) return null;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new GatewayError('bad_request', 'Idempotency-Key must be 1 to 255 printable characters without spaces.');
};
