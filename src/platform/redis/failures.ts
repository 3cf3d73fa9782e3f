import { ReplyError } from 'ioredis';
import { GatewayError, isGatewayError } from '../../core/errors.js';

/** Error prefixes of Redis that pass by themselves or by the operator's doing: the same command may succeed later. */
const passing = new Set([
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'NOAUTH',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'UNBLOCKED',
  'WRONGPASS',
]);

const replyErrorText = (error: unknown): string | null =>
  error instanceof ReplyError && error instanceof Error ? error.message : null;

/** True when the server does not know the script (EVALSHA). */
export const isUnknownScript = (error: unknown): boolean => replyErrorText(error)?.startsWith('NOSCRIPT') ?? false;

/** True when no answer came in time: whether the command was carried out is not known. */
export const isTimeout = (error: unknown): boolean => error instanceof Error && error.message === 'Command timed out';

/**
 * Any failure of a command as ours: `store_unavailable` when Redis is away, does not answer or is for now unable,
 * `internal` when it refuses the command itself, which is a fault of this program.
 */
export const storeError = (error: unknown): GatewayError => {
  if (isGatewayError(error)) return error;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) {
    return new GatewayError('internal', `A command to Redis could not be made: ${error.message}`, { cause: error });
  }
  const refusal = replyErrorText(error);
  if (refusal === null) {
    return new GatewayError('store_unavailable', 'Redis does not answer.', { cause: error });
  }
  const prefix = /^[A-Z]+/.exec(refusal)?.[0] ?? '';
  // Redis 7 wraps errors of commands inside scripts: "ERR user_script:1: OOM command not allowed …" on older servers.
  const inner = /\b(OOM|READONLY|MISCONF|NOREPLICAS)\b/.exec(refusal)?.[0] ?? '';
  if (passing.has(prefix) || passing.has(inner)) {
    return new GatewayError('store_unavailable', `Redis cannot serve now: ${refusal.slice(0, 200)}`, { cause: error });
  }
  return new GatewayError('internal', `Redis refused a command: ${refusal.slice(0, 200)}`, { cause: error });
};
