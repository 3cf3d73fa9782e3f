import type { SrtpSuite } from '../srtp/suite.js';
import { srtpKeyLength, srtpSuites } from '../srtp/suite.js';

/** One `a=crypto` line (RFC 4568 section 9.1) that we can use. */
export type CryptoAttribute = {
  readonly tag: number;
  readonly suite: SrtpSuite;
  /** Master key (16 bytes) and master salt (14 bytes). */
  readonly key: Uint8Array;
};

/** Why a line cannot be used, as the end of a sentence. */
export type CryptoRefusal = { readonly refused: string };

const isSuite = (name: string): name is SrtpSuite => srtpSuites.some((suite) => suite === name);

const lifetime = /^(?:2\^(\d{1,2})|(\d{1,15}))$/;

const isLifetime = (text: string): boolean => {
  const match = lifetime.exec(text);
  if (match === null) return false;
  // More than 2^48 packets is more than an SRTP key is good for (RFC 3711 section 9.2).
  const packets = match[1] === undefined ? Number(match[2]) : 2 ** Number(match[1]);
  return packets > 0 && packets <= 2 ** 48;
};

/**
 * Session parameters we may accept: WSH is a hint, and a leading minus marks what may be ignored (RFC 4568 6.3.7).
 * All others change how packets look on the wire.
 */
const isHarmless = (parameter: string): boolean => /^WSH=\d{2,5}$/i.test(parameter) || parameter.startsWith('-');

/** Reads the value of an `a=crypto` attribute. Never throws. */
export const parseCrypto = (value: string): CryptoAttribute | CryptoRefusal => {
  const [tagField, suiteField, keyField, ...parameters] = value.trim().split(/\s+/);
  if (tagField === undefined || !/^\d{1,9}$/.test(tagField)) return { refused: 'a crypto line without a tag' };
  const suite = (suiteField ?? '').toUpperCase();
  if (!isSuite(suite)) return { refused: `suite ${suite.slice(0, 40) || '(none)'}` };
  const unknown = parameters.find((parameter) => !isHarmless(parameter));
  if (unknown !== undefined) return { refused: `session parameter ${unknown.slice(0, 40)}` };

  const keys = (keyField ?? '').split(';');
  if (keys.length !== 1) return { refused: 'several keys with an MKI' };
  const inline = /^inline:([A-Za-z0-9+/]+={0,2})((?:\|[^|]*)*)$/i.exec(keys[0]!);
  if (inline === null) return { refused: 'a key that is not "inline:" and base64' };
  const key = Buffer.from(inline[1]!, 'base64');
  if (key.length !== srtpKeyLength) return { refused: `a key of ${key.length} bytes instead of ${srtpKeyLength}` };
  for (const part of inline[2]!.split('|').slice(1)) {
    if (part.includes(':')) return { refused: 'an MKI' };
    if (!isLifetime(part)) return { refused: `key lifetime ${part.slice(0, 20)}` };
  }
  return { tag: Number(tagField), suite, key: new Uint8Array(key) };
};

/** Writes the value of an `a=crypto` attribute. No lifetime: the default of RFC 3711 is longer than any call. */
export const formatCrypto = ({ tag, suite, key }: CryptoAttribute): string =>
  `${tag} ${suite} inline:${Buffer.from(key).toString('base64')}`;
