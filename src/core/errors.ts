/**
 * The one catalogue of errors. A code is stable: it is what API clients, scripts and the reference page name.
 * `status` is the HTTP status, `owner` whose fault it is, `retryable` whether the same request may succeed later.
 */
export type ErrorOwner = 'client' | 'operator' | 'carrier' | 'target' | 'gateway';
export type ErrorEntry = {
  readonly status: number;
  readonly owner: ErrorOwner;
  readonly retryable: boolean;
  readonly meaning: string;
};

const entry = (status: number, owner: ErrorOwner, retryable: boolean, meaning: string): ErrorEntry => ({
  status,
  owner,
  retryable,
  meaning,
});

export const errorCatalogue = {
  bad_request: entry(
    400,
    'client',
    false,
    'The request is not of the form the route takes; `details` names each fault with its path.',
  ),
  unauthorized: entry(401, 'client', false, 'The credential is missing, expired or not valid here.'),
  forbidden: entry(403, 'client', false, 'The credential is valid but may not do this.'),
  not_found: entry(404, 'client', false, 'There is no such thing in the organization of the credential.'),
  conflict: entry(409, 'client', false, 'The request collides with what is there now.'),
  target_not_allowed: entry(
    403,
    'operator',
    false,
    "The party to call is none of the agent's destinations and not on the operator's list of outbound targets.",
  ),
  outbound_limit: entry(
    429,
    'operator',
    true,
    'The organization has as many outbound calls at once, or minutes of them today, as its operator allows.',
  ),
  payload_too_large: entry(413, 'client', false, 'The body is larger than the route takes.'),
  method_not_allowed: entry(
    405,
    'client',
    false,
    'The path exists and does not take this method; `Allow` names those it takes.',
  ),
  unsupported_media_type: entry(415, 'client', false, 'The body is of a type the route does not read.'),
  host_refused: entry(421, 'client', false, 'The `Host` header names a host that is not this gateway.'),
  origin_refused: entry(403, 'client', false, 'The request comes from a web page of another origin.'),
  identity_unavailable: entry(
    503,
    'operator',
    true,
    'The keys that verify dashboard tokens (DASHBOARD_JWKS_URL) cannot be fetched.',
  ),
  rate_limited: entry(429, 'client', true, 'Too many requests; `Retry-After` says when to try again.'),
  internal: entry(500, 'gateway', false, 'The gateway failed; the log has the cause under the same request id.'),
  not_available: entry(501, 'operator', false, 'This part is not available in this set-up.'),
  store_unavailable: entry(503, 'operator', true, 'Redis does not answer.'),
  draining: entry(503, 'operator', true, 'The gateway is shutting down and takes nothing new.'),
  organization_limit: entry(
    429,
    'operator',
    true,
    'The organization has as many calls at once as its operator allows.',
  ),
  overloaded: entry(503, 'operator', true, 'The gateway is at its limit of calls or of processor time.'),
  session_ended: entry(409, 'client', false, 'The phone session has ended.'),
  owner_unreachable: entry(503, 'gateway', true, 'The instance that owns the session did not answer in time.'),
  zendesk_unavailable: entry(503, 'target', true, 'Zendesk does not answer, or asks to be left alone for a while.'),
  zendesk_refused: entry(
    502,
    'target',
    false,
    'Zendesk refused a request: credentials, permissions, or something that is not there; the message says which.',
  ),
  twilio_unavailable: entry(503, 'carrier', true, 'Twilio does not answer, or asks to be left alone for a while.'),
  twilio_refused: entry(502, 'carrier', false, 'Twilio refused a request; the message says why and what to do.'),
  sdp_invalid: entry(488, 'carrier', false, 'The session description cannot be read.'),
  no_common_codec: entry(488, 'carrier', false, 'Offer and profile share no audio codec.'),
  media_security_mismatch: entry(
    488,
    'carrier',
    false,
    'The profile asks for secure media and the offer has none, or the other way round.',
  ),
  ports_exhausted: entry(503, 'operator', true, 'Every port of RTP_PORTS is in use.'),
  audio_invalid: entry(422, 'client', false, 'The audio file cannot be read or is too long.'),
  media_worker_died: entry(500, 'gateway', true, 'The media worker of this call ended.'),
  sip_unavailable: entry(503, 'operator', true, 'The SIP server cannot be reached or does not accept us.'),
  sip_refused: entry(502, 'carrier', false, 'The other side of a call refused a request; the message has its status.'),
  livekit_unavailable: entry(503, 'operator', true, 'LiveKit does not answer, or does not let us into a room.'),
  leg_ended: entry(409, 'carrier', false, 'The leg of the call is over.'),
  config_invalid: entry(500, 'operator', false, 'The configuration contradicts itself or has an unknown key.'),
  credential_unreadable: entry(500, 'operator', false, 'A sealed value does not open with the keys at hand.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

/** One fault of an input: where it is and what is wrong, as a sentence. */
export type Fault = { readonly path: string; readonly message: string };

export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly details: readonly Fault[];

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: readonly Fault[] } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.details = options.details ?? [];
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}

/** True when `error` is ours and, if a code is given, has that code. */
export const isGatewayError = (error: unknown, code?: ErrorCode): error is GatewayError =>
  error instanceof GatewayError && (code === undefined || error.code === code);
