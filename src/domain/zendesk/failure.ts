import { GatewayError } from '../../core/errors.js';

/**
 * Why Zendesk did not do what was asked:
 * - `busy`: 429 or 503 that says how long to wait; `down`: other 5xx, no answer, no connection; both are worth a retry
 * - `credentials`: 401, or a token that is not given out; `forbidden`: 403; `missing`: 404
 * - `rejected`: any other answer, or one that cannot be read
 * - `unset`: the organization has no credentials for Zendesk
 */
export type ZendeskFailureKind = 'busy' | 'down' | 'credentials' | 'forbidden' | 'missing' | 'rejected' | 'unset';

export class ZendeskFailure extends Error {
  readonly kind: ZendeskFailureKind;
  /** What was asked for: `ticket 12`. */
  readonly what: string;
  readonly status: number | null;
  /** ms Zendesk asked to wait; null when it said nothing. */
  readonly retryAfter: number | null;

  constructor(
    kind: ZendeskFailureKind,
    what: string,
    sentence: string,
    options: { status?: number; retryAfter?: number | null; cause?: unknown } = {},
  ) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ZendeskFailure';
    this.kind = kind;
    this.what = what;
    this.status = options.status ?? null;
    this.retryAfter = options.retryAfter ?? null;
  }

  get retryable(): boolean {
    return this.kind === 'busy' || this.kind === 'down';
  }
}

/** Waits longer than this are cut: a wrong header must not park an organization for a day. */
const LONGEST_WAIT = 600_000;

/** `Retry-After` in ms: seconds or a date (RFC 9110 section 10.2.3); null when it is absent or unreadable. */
export const retryAfterOf = (header: string | undefined, now: number): number | null => {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), LONGEST_WAIT);
};

/** The failure an answer with this status is; null for success. */
export const failureOf = (what: string, status: number, retryAfter: number | null): ZendeskFailure | null => {
  if (status >= 200 && status < 300) return null;
  const options = { status, retryAfter };
  if (status === 429) return new ZendeskFailure('busy', what, `Zendesk limits the rate of requests (429).`, options);
  if (status === 503 && retryAfter !== null) {
    return new ZendeskFailure('busy', what, 'Zendesk is not available for a while (503).', options);
  }
  if (status >= 500) return new ZendeskFailure('down', what, `Zendesk failed with ${status} for ${what}.`, options);
  if (status === 401) {
    return new ZendeskFailure('credentials', what, 'Zendesk does not accept the credentials (401).', options);
  }
  if (status === 403) {
    return new ZendeskFailure('forbidden', what, `The credentials may not access ${what} in Zendesk (403).`, options);
  }
  if (status === 404) return new ZendeskFailure('missing', what, `There is no ${what} in Zendesk (404).`, options);
  return new ZendeskFailure('rejected', what, `Zendesk answered ${status} for ${what}.`, options);
};

/** As an error of the gateway's own, for those who answer a request. */
export const asGatewayError = (failure: ZendeskFailure): GatewayError =>
  new GatewayError(failure.retryable ? 'zendesk_unavailable' : 'zendesk_refused', failure.message, { cause: failure });
