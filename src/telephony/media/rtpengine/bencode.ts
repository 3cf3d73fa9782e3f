/**
 * Bencoding, the wire form of rtpengine's ng protocol: `3:abc`, `i42e`, `l…e`, `d…e`. Texts are UTF-8. Keys keep the
 * order they are given in: rtpengine does not ask for the sorted one.
 */
export type BencodeValue = string | number | readonly BencodeValue[] | BencodeDictionary;
export type BencodeDictionary = { readonly [key: string]: BencodeValue };

/** What a decoder makes of a dictionary: a map, so that no key of a peer's can be one of an object's own. */
export type BencodeReply = string | number | readonly BencodeReply[] | ReadonlyMap<string, BencodeReply>;

/** Deepest nesting that is read; rtpengine's own answers reach nine. */
const deepest = 32;

const isList = (value: BencodeValue): value is readonly BencodeValue[] => Array.isArray(value);

/** Throws a RangeError for a number that is not a whole one. */
export const encodeBencode = (value: BencodeValue): string => {
  if (typeof value === 'string') return `${Buffer.byteLength(value)}:${value}`;
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number`);
    return `i${value}e`;
  }
  if (isList(value)) return `l${value.map(encodeBencode).join('')}e`;
  const entries = Object.entries(value).map(([key, entry]) => encodeBencode(key) + encodeBencode(entry));
  return `d${entries.join('')}e`;
};

/** Reads exactly one value. Throws a SyntaxError that names the place. */
export const decodeBencode = (bytes: Buffer): BencodeReply => {
  let at = 0;
  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at byte ${at}`);
  };

  /** The digits up to `end`, which is passed over. */
  const digits = (end: number, form: RegExp): number => {
    const stop = bytes.indexOf(end, at);
    // No number a peer may send is longer: what comes behind it need not be searched.
    if (stop < 0 || stop - at > 20) return fail('a number without an end');
    const text = bytes.toString('latin1', at, stop);
    const value = Number(text);
    if (!form.test(text) || !Number.isSafeInteger(value)) return fail('a number that is none');
    at = stop + 1;
    return value;
  };

  const string = (): string => {
    const length = digits(0x3a, /^\d+$/);
    if (length > bytes.length - at) return fail('a text that is longer than the message');
    at += length;
    return bytes.toString('utf8', at - length, at);
  };

  const ended = (): boolean => {
    if (at >= bytes.length) return fail('the end');
    if (bytes[at] !== 0x65) return false;
    at += 1;
    return true;
  };

  const read = (depth: number): BencodeReply => {
    if (depth > deepest) return fail('too deep a nesting');
    const first = bytes[at];
    if (first === 0x69) {
      at += 1;
      return digits(0x65, /^-?\d+$/);
    }
    if (first === 0x6c) {
      at += 1;
      const list: BencodeReply[] = [];
      while (!ended()) list.push(read(depth + 1));
      return list;
    }
    if (first === 0x64) {
      at += 1;
      const dictionary = new Map<string, BencodeReply>();
      while (!ended()) dictionary.set(string(), read(depth + 1));
      return dictionary;
    }
    return string();
  };

  const value = read(0);
  return at === bytes.length ? value : fail('something behind the value');
};
