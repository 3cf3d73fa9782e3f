import { type ErrorCode, GatewayError, isGatewayError } from '../../core/errors.js';
import type { Reply } from '../http/route.js';

/** Codes of Twirp's errors and their HTTP statuses (twitchtv.github.io/twirp, "Errors"), those that are used here. */
const statuses = {
  invalid_argument: 400,
  malformed: 400,
  deadline_exceeded: 408,
  not_found: 404,
  permission_denied: 403,
  unauthenticated: 401,
  resource_exhausted: 429,
  failed_precondition: 412,
  aborted: 409,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
} as const;
export type TwirpCode = keyof typeof statuses;

/** A failure with a code and particulars of its own. */
export class TwirpFailure extends Error {
  constructor(
    readonly code: TwirpCode,
    message: string,
    readonly meta: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

const codes: Partial<Record<ErrorCode, TwirpCode>> = {
  bad_request: 'invalid_argument',
  payload_too_large: 'invalid_argument',
  unsupported_media_type: 'malformed',
  unauthorized: 'unauthenticated',
  forbidden: 'permission_denied',
  target_not_allowed: 'permission_denied',
  not_found: 'not_found',
  session_ended: 'not_found',
  conflict: 'failed_precondition',
  outbound_limit: 'resource_exhausted',
  organization_limit: 'resource_exhausted',
  rate_limited: 'resource_exhausted',
  not_available: 'unimplemented',
  store_unavailable: 'unavailable',
  draining: 'unavailable',
  overloaded: 'unavailable',
  ports_exhausted: 'unavailable',
  owner_unreachable: 'unavailable',
  sip_unavailable: 'unavailable',
  livekit_unavailable: 'unavailable',
};

/** An error as Twirp clients read it. What is not ours to tell is `internal` without its text. */
export const twirpError = (error: unknown): Reply & { readonly code: TwirpCode } => {
  const known = error instanceof TwirpFailure || isGatewayError(error);
  const code =
    error instanceof TwirpFailure ? error.code : isGatewayError(error) ? (codes[error.code] ?? 'internal') : 'internal';
  const msg = known ? error.message : 'The gateway failed; its log has the cause.';
  const meta = error instanceof TwirpFailure ? error.meta : {};
  return {
    code,
    status: statuses[code],
    // Clients compare the type as a whole, so it has no charset.
    contentType: 'application/json',
    body: JSON.stringify({ code, msg, ...(Object.keys(meta).length === 0 ? {} : { meta }) }),
  };
};

/** A message of the protocol, as its generated class reads it. */
type Readable<T> = {
  fromBinary(bytes: Uint8Array): T;
  fromJsonString(text: string, options: { readonly ignoreUnknownFields: boolean }): T;
};
type Writable = {
  toBinary(): Uint8Array;
  toJson(options: { readonly useProtoFieldName: boolean; readonly emitDefaultValues: boolean }): unknown;
};

export type Encoding = 'json' | 'protobuf';

/** Throws GatewayError unsupported_media_type. */
export const encodingOf = (contentType: string | undefined): Encoding => {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/json') return 'json';
  if (type === 'application/protobuf') return 'protobuf';
  throw new GatewayError('unsupported_media_type', 'The body must be application/json or application/protobuf.');
};

/** Throws TwirpFailure malformed. */
export const readMessage = <T>(type: Readable<T>, encoding: Encoding, bytes: Buffer): T => {
  try {
    return encoding === 'json'
      ? type.fromJsonString(bytes.toString('utf8'), { ignoreUnknownFields: true })
      : type.fromBinary(bytes);
  } catch {
    throw new TwirpFailure('malformed', 'The body is no message of this method.');
  }
};

export const writeMessage = (message: Writable, encoding: Encoding): Reply => {
  if (encoding === 'protobuf') {
    return { status: 200, contentType: 'application/protobuf', body: Buffer.from(message.toBinary()) };
  }
  // Names as in the .proto, which is how livekit-server writes them.
  const json = message.toJson({ useProtoFieldName: true, emitDefaultValues: true });
  return { status: 200, contentType: 'application/json', body: JSON.stringify(json) };
};
