import { randomBetween } from '../../core/ids.js';
import type { WorkTries, WorkVerdict } from '../../platform/redis/index.js';
import { ZendeskFailure } from './failure.js';

/** Tries of a request that fails; being asked to wait is no failure and has a limit of its own. */
export const TRIES = 5;
const WAITS = 20;
const FIRST = 500;

/** ms before the next try: doubling from half a second, half of it by chance, so that many do not return together. */
const backOff = (attempt: number): number => {
  const full = FIRST * 2 ** Math.min(attempt - 1, 6);
  return full / 2 + randomBetween(0, Math.ceil(full / 2) + 1);
};

/** Whether work that failed is tried again, and when; null: it is over. */
export const verdictAfter = (error: unknown, { attempt, waits }: WorkTries): WorkVerdict | null => {
  if (!(error instanceof ZendeskFailure) || !error.retryable) return null;
  if (error.kind === 'busy') {
    if (waits >= WAITS) return null;
    return { kind: 'again', after: error.retryAfter ?? backOff(waits + 1), everything: true, waited: true };
  }
  return attempt >= TRIES ? null : { kind: 'again', after: backOff(attempt) };
};
