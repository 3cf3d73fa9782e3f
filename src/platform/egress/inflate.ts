import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { EgressFailure } from './failure.js';

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);
const inflateRawAsync = promisify(inflateRaw);
const brotliAsync = promisify(brotliDecompress);

/** Content codings may be stacked (RFC 9110 section 8.4); more than this many is an attack, not a server. */
const maxCodings = 3;

const decodeOne = async (coding: string, body: Buffer, maxOutputLength: number): Promise<Buffer> => {
  switch (coding) {
    case 'identity':
      return body;
    case 'gzip':
    case 'x-gzip':
      return gunzipAsync(body, { maxOutputLength });
    case 'deflate':
      // Servers send both zlib-wrapped and raw deflate under this name; the first byte tells which.
      return ((body[0] ?? 0) & 0x0f) === 8
        ? inflateAsync(body, { maxOutputLength })
        : inflateRawAsync(body, { maxOutputLength });
    case 'br':
      return brotliAsync(body, { maxOutputLength });
    default:
      throw new EgressFailure(
        'bad_encoding',
        `The response is encoded as "${coding.slice(0, 40)}", which is not known.`,
      );
  }
};

/**
 * Undoes the content codings of a response; what comes out is capped like what came in, so a small bomb stays small.
 * Throws EgressFailure `response_too_large` or `bad_encoding`.
 */
export const inflateBody = async (encoding: string, body: Buffer, maxBytes: number): Promise<Buffer> => {
  const codings = encoding
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '');
  if (body.length === 0 || codings.length === 0) return body;
  if (codings.length > maxCodings) {
    throw new EgressFailure('bad_encoding', 'The response is encoded too many times over.');
  }
  let decoded = body;
  for (const coding of codings.reverse()) {
    try {
      decoded = await decodeOne(coding, decoded, maxBytes);
    } catch (cause) {
      if (cause instanceof EgressFailure) throw cause;
      const tooLarge = cause instanceof RangeError && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
      throw tooLarge
        ? new EgressFailure('response_too_large', `The response inflates to more than ${maxBytes} bytes.`, { cause })
        : new EgressFailure('bad_encoding', `The response is not valid ${coding}.`, { cause });
    }
  }
  return decoded;
};
