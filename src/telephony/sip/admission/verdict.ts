/** Why an INVITE was turned away; a closed set, because it labels a counter. */
export const rejectionReasons = [
  'draining',
  'unknown-source',
  'transport',
  'rate-limit',
  'digest-missing',
  'digest-stale',
  'digest-wrong',
  'unsupported-extension',
  'content-type',
  'session-interval',
  'media-security',
  'malformed',
  'call',
] as const;
export type RejectionReason = (typeof rejectionReasons)[number];

/** A final answer instead of a call. */
export type Rejection = {
  readonly status: number;
  readonly phrase: string;
  readonly reason: RejectionReason;
  /** The rule that failed, one sentence for the log. */
  readonly rule: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What is known of an INVITE that was turned away; its texts come from outside and are cut. */
export type RejectedCall = {
  readonly status: number;
  /** The rule that failed, one sentence. */
  readonly rule: string;
  /** `udp:192.0.2.1:5060`. */
  readonly source: string;
  readonly sipCallId: string;
  readonly requestUri: string;
};

export type Verdict<T> =
  | { readonly admitted: true; readonly value: T }
  | { readonly admitted: false; readonly rejection: Rejection };

export const admit = <T>(value: T): Verdict<T> => ({ admitted: true, value });
export const turnAway = (rejection: Rejection): { readonly admitted: false; readonly rejection: Rejection } => ({
  admitted: false,
  rejection,
});
