import type { TransportAddress } from '../../domain/calls/ports.js';
import { splitList } from '../sip-engine/headers.js';

/** A received request as pure code sees it. */
export type RequestView = {
  readonly method: string;
  readonly uri: string;
  readonly source: TransportAddress;
  readonly body: string;
  /** The value of a header by any case of its name; several lines of one name are joined by commas. */
  header(name: string): string | undefined;
};

/** The values of a header that may hold a list (RFC 3261 section 7.3.1), trimmed, empty ones left out. */
export const headerList = (request: Pick<RequestView, 'header'>, name: string): readonly string[] => {
  const value = request.header(name);
  return value === undefined
    ? []
    : splitList(value)
        .map((item) => item.trim())
        .filter((item) => item !== '');
};

/** True when a list of tokens (Supported, Require, Allow, Privacy) has the token. */
export const hasToken = (request: Pick<RequestView, 'header'>, name: string, token: string): boolean =>
  headerList(request, name).some((item) => item.toLowerCase() === token);

/** Text from outside, fit for logs and records: no control characters, at most `limit` characters. */
export const plainText = (text: string, limit = 128): string =>
  text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, limit);
