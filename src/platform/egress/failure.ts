/** What went wrong on the way to or from a target. A closed set: run history, metrics and sentences are keyed by it. */
export type EgressFailureKind =
  | 'refused_address'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'server_certificate'
  | 'client_certificate'
  | 'timeout'
  | 'aborted'
  | 'connection_lost'
  | 'protocol'
  | 'headers_too_large'
  | 'response_too_large'
  | 'bad_encoding'
  | 'bad_request';

/**
 * A call that brought no usable response. `beforeRequest` is true when no byte of the request can have reached the
 * target, which is what makes a repetition safe.
 */
export class EgressFailure extends Error {
  readonly kind: EgressFailureKind;
  readonly beforeRequest: boolean;

  constructor(kind: EgressFailureKind, message: string, options: { cause?: unknown; beforeRequest?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EgressFailure';
    this.kind = kind;
    this.beforeRequest = options.beforeRequest ?? false;
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

const connectSentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection: nothing listens on that port',
  ETIMEDOUT: 'did not answer the connection attempt',
  EHOSTUNREACH: 'cannot be reached: there is no route to it',
  ENETUNREACH: 'cannot be reached: there is no route to its network',
  ECONNRESET: 'closed the connection while it was being set up',
  EPIPE: 'closed the connection while it was being set up',
};

const serverCertificateSentences: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'shows a certificate that has expired',
  CERT_NOT_YET_VALID: 'shows a certificate that is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate for another host name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'shows a self-signed certificate that is not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'shows a certificate of an authority that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'shows a certificate whose issuer is not trusted or not sent along',
  UNABLE_TO_GET_ISSUER_CERT: 'shows a certificate whose issuer is not trusted or not sent along',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'shows a certificate of an authority that is not trusted',
  CERT_SIGNATURE_FAILURE: 'shows a certificate whose signature is not right',
  CERT_REVOKED: 'shows a certificate that has been revoked',
};

/** Alerts by which a server turns down the client's certificate (RFC 8446 section 6.2). */
const clientCertificateAlert =
  /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/;

const clientCertificateFailure = (host: string, code: string, cause: unknown): EgressFailure => {
  const alert = code
    .slice(code.indexOf('ALERT_') + 6)
    .toLowerCase()
    .replaceAll('_', ' ');
  return new EgressFailure('client_certificate', `${host} turned down the client certificate (${alert}).`, { cause });
};

/** Names a failure that happened while the connection was being set up; nothing of the request has left yet. */
export const connectFailure = (host: string, error: unknown): EgressFailure => {
  if (error instanceof EgressFailure) return error;
  const code = codeOf(error);
  const options = { cause: error, beforeRequest: true };
  const certificate = serverCertificateSentences[code];
  if (certificate !== undefined) return new EgressFailure('server_certificate', `${host} ${certificate}.`, options);
  if (clientCertificateAlert.test(code)) return clientCertificateFailure(host, code, error);
  const sentence = connectSentences[code];
  if (sentence !== undefined) return new EgressFailure('connect', `${host} ${sentence}.`, options);
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code.startsWith('ERR_OSSL') || code === 'EPROTO') {
    return new EgressFailure('tls', `No TLS connection to ${host} could be agreed on (${code}).`, options);
  }
  return new EgressFailure('connect', `No connection to ${host} could be made${code && ` (${code})`}.`, options);
};

/** Names a failure that happened once the request was on its way. */
export const exchangeFailure = (host: string, error: unknown): EgressFailure => {
  if (error instanceof EgressFailure) return error;
  const code = codeOf(error);
  const inner = codeOf(typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined);
  const alert = [code, inner].find((candidate) => clientCertificateAlert.test(candidate));
  if (alert !== undefined) return clientCertificateFailure(host, alert, error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') {
    return new EgressFailure('headers_too_large', `The response headers of ${host} are larger than 16 KiB.`, {
      cause: error,
    });
  }
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    const why = error instanceof Error ? error.message : 'invalid argument';
    return new EgressFailure('bad_request', `The request cannot be written: ${why}.`, {
      cause: error,
      beforeRequest: true,
    });
  }
  if (error instanceof Error && error.name === 'HTTPParserError') {
    return new EgressFailure('protocol', `${host} did not answer in HTTP.`, { cause: error });
  }
  return new EgressFailure('connection_lost', `${host} closed the connection before it had answered.`, {
    cause: error,
    // The kernel took nothing (or not all) of the request: the peer was gone before it could have read it whole.
    beforeRequest: code === 'EPIPE',
  });
};
