import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { type ErrorCode, errorCatalogue, type Fault, GatewayError } from '../../core/errors.js';

export const errorSchema = z
  .strictObject({
    statusCode: z.int(),
    message: z.string().describe('One sentence that says what is wrong.'),
    error: z.string().describe('The reason phrase of the status.'),
    code: z.string().describe('A code of the catalogue; stable.'),
    details: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  })
  .describe('Every failure has this form.');

export type ErrorView = {
  readonly statusCode: number;
  readonly message: string;
  readonly error: string;
  readonly code: ErrorCode;
  readonly details?: readonly Fault[];
};

/** Codes that speak of SIP have SIP's status; over HTTP the request could be read and not be met. */
const httpStatus = (status: number): number => (status === 488 ? 422 : status);

/** The HTTP status of a code. */
export const statusOf = (code: ErrorCode): number => httpStatus(errorCatalogue[code].status);

const hasType = (error: unknown): error is { readonly type: string } =>
  typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string';

/** What the body reader throws, in our terms; everything else that is not ours is `internal`, without its text. */
export const asGatewayError = (error: unknown): GatewayError => {
  if (error instanceof GatewayError) return error;
  if (hasType(error)) {
    if (error.type === 'entity.too.large') {
      return new GatewayError('payload_too_large', 'The body is larger than this route takes.', { cause: error });
    }
    if (['request.aborted', 'request.size.invalid', 'encoding.unsupported'].includes(error.type)) {
      return new GatewayError('bad_request', 'The body did not arrive as its headers announced it.', { cause: error });
    }
  }
  if (error instanceof URIError) {
    return new GatewayError('bad_request', 'The path has an escape that cannot be read.', { cause: error });
  }
  return new GatewayError('internal', 'The gateway failed; its log has the cause under the request id.', {
    cause: error,
  });
};

export const errorView = (error: GatewayError): ErrorView => {
  const statusCode = statusOf(error.code);
  return {
    statusCode,
    message: error.message,
    error: STATUS_CODES[statusCode] ?? 'Error',
    code: error.code,
    ...(error.details.length > 0 ? { details: error.details } : {}),
  };
};
