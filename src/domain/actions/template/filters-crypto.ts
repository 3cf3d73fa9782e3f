import { createHash, createHmac } from 'node:crypto';
import type { Filter } from './filters.js';
import { isBytes, toBytes, toText, type Value } from './values.js';

export const hmacAlgorithms: ReadonlySet<string> = new Set(['sha256', 'sha512', 'sha1', 'md5']);

const keyOf = (key: Value, encoding: string): Uint8Array => {
  if (encoding === 'text') return toBytes(key);
  // A key that is bytes already (decoded by an earlier filter) needs no second decoding.
  if (isBytes(key)) return key;
  const text = toText(key).trim();
  if (encoding === 'base64' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return Buffer.from(text, 'base64');
  if (encoding === 'hex' && /^(?:[0-9a-fA-F]{2})*$/.test(text)) return Buffer.from(text, 'hex');
  // The key itself is never part of the message.
  if (encoding === 'base64' || encoding === 'hex') throw new Error(`has a key that is not ${encoding}`);
  throw new Error('takes text, base64 or hex as the encoding of its key');
};

/** HMAC (RFC 2104), raw bytes. */
export const hmac = (algorithm: string, message: Value, key: Value, keyEncoding = 'text'): Uint8Array => {
  if (!hmacAlgorithms.has(algorithm)) throw new Error(`knows ${[...hmacAlgorithms].join(', ')}`);
  return createHmac(algorithm, keyOf(key, keyEncoding)).update(toBytes(message)).digest();
};

export const cryptoFilters: Record<string, Filter> = {
  /** Raw 16 bytes; `md5 true` keeps nothing as nothing. */
  md5: {
    min: 0,
    max: 1,
    run: (input, [keepEmpty]) =>
      toText(keepEmpty) === 'true' && toText(input) === '' ? '' : createHash('md5').update(toBytes(input)).digest(),
  },
  /** `hmac <algorithm> <key> [text|base64|hex]`: raw bytes. */
  hmac: {
    min: 2,
    max: 3,
    run: (input, [algorithm, key, encoding]) =>
      hmac(toText(algorithm), input, key, encoding === undefined ? 'text' : toText(encoding)),
  },
};
