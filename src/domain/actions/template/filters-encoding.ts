import { isUtf8 } from 'node:buffer';
import type { Filter } from './filters.js';
import { toBytes, toText, type Value } from './values.js';

const hexByte = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

/** Percent-encodes every byte that is not listed; works on bytes, so raw digests and lone surrogates are fine. */
const percentEncode = (value: Value, keep: RegExp, blank: string): string => {
  let out = '';
  for (const byte of toBytes(value)) {
    const char = String.fromCharCode(byte);
    if (byte < 0x80 && keep.test(char)) out += char;
    else out += byte === 0x20 ? blank : hexByte(byte);
  }
  return out;
};

/** Bytes that are UTF-8 become text again; others stay bytes, for the next filter. */
const textOrBytes = (bytes: Buffer): Value => (isUtf8(bytes) ? bytes.toString('utf8') : bytes);

const urlDecode = (text: string): Value => {
  const bytes: number[] = [];
  const source = Buffer.from(text, 'utf8');
  for (let at = 0; at < source.length; at += 1) {
    const byte = source[at] ?? 0;
    const hex = source.toString('latin1', at + 1, at + 3);
    if (byte === 0x25 && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else bytes.push(byte === 0x2b ? 0x20 : byte);
  }
  return textOrBytes(Buffer.from(bytes));
};

const base64Decode = (text: string): Value => {
  const compact = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact)) return '';
  return textOrBytes(Buffer.from(compact, 'base64'));
};

export const encodingFilters: Record<string, Filter> = {
  /**
   * `url_encode`: as PHP's urlencode, a blank becomes "+". `url_encode true`: RFC 3986, a blank becomes "%20", and
   * !'()*~ are encoded as well (OpenDialog documents the tilde so, although RFC 3986 would leave it).
   */
  url_encode: {
    min: 0,
    max: 1,
    run: (input, [strict]) =>
      toText(strict) === 'true'
        ? percentEncode(input, /[A-Za-z0-9_.-]/, '%20')
        : percentEncode(input, /[A-Za-z0-9_.-]/, '+'),
  },
  url_decode: { min: 0, max: 0, run: (input) => urlDecode(toText(input)) },
  /** `base64`, `base64 -e` encode; `base64 -d` decodes. Nothing stays nothing. */
  base64: {
    min: 0,
    max: 1,
    run(input, [option]) {
      const mode = option === undefined ? '-e' : toText(option);
      if (mode !== '-e' && mode !== '-d') throw new Error('takes -e or -d');
      return mode === '-d' ? base64Decode(toText(input)) : Buffer.from(toBytes(input)).toString('base64');
    },
  },
  /** Lower-case hex of the bytes. */
  hex: { min: 0, max: 0, run: (input) => Buffer.from(toBytes(input)).toString('hex') },
};
