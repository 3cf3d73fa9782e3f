import { isGatewayError } from '../../core/errors.js';

/** Why an INVITE that a profile has let in is refused after all. A closed set: it labels a metric. */
export const refusalRules = [
  'draining',
  'max-calls',
  'organization-calls',
  'overloaded',
  'called-unreadable',
  'unknown-number',
  'number-profile',
  'number-not-verified',
  'store-unavailable',
  'ports-exhausted',
  'no-common-codec',
  'sdp-invalid',
  'media-security-mismatch',
  'error',
] as const;
export type RefusalRule = (typeof refusalRules)[number];

/** Status for the caller; sentence for the log; rule for the counter. */
export type Refusal = {
  readonly status: number;
  readonly rule: RefusalRule;
  readonly sentence: string;
  /** Seconds. */
  readonly retryAfter?: number;
};

/** 503: the same call may succeed later or elsewhere. */
export const busy = (rule: RefusalRule, sentence: string): Refusal => ({
  status: 503,
  rule,
  sentence,
  retryAfter: 10,
});

export const notFound = (rule: RefusalRule, sentence: string): Refusal => ({
  status: 404,
  rule,
  sentence,
});
export const forbidden = (rule: RefusalRule, sentence: string): Refusal => ({
  status: 403,
  rule,
  sentence,
});

/** What a fault while opening a call means for the caller. */
export const refusalOf = (error: unknown): Refusal => {
  if (isGatewayError(error, 'store_unavailable'))
    return busy('store-unavailable', 'Redis does not answer, so no session could be opened.');
  // Not 503: a carrier takes that for the gateway's, and would keep the calls of other organizations away as well.
  if (isGatewayError(error, 'organization_limit'))
    return { status: 486, rule: 'organization-calls', sentence: error.message };
  if (isGatewayError(error, 'ports_exhausted')) return busy('ports-exhausted', error.message);
  const unacceptable = (rule: RefusalRule, sentence: string): Refusal => ({
    status: 488,
    rule,
    sentence,
  });
  if (isGatewayError(error, 'no_common_codec')) return unacceptable('no-common-codec', error.message);
  if (isGatewayError(error, 'sdp_invalid')) return unacceptable('sdp-invalid', error.message);
  if (isGatewayError(error, 'media_security_mismatch')) return unacceptable('media-security-mismatch', error.message);
  return { status: 500, rule: 'error', sentence: 'A fault of the gateway kept it from handling the INVITE.' };
};
