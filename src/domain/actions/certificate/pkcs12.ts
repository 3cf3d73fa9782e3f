import { createHmac, timingSafeEqual } from 'node:crypto';
import { type DerNode, derChildren, derInteger, derOctets, derOid, derTag, readDer } from '../../../core/der.js';
import { damaged, passwordMissing, passwordWrong, unsupported } from './material-error.js';
import {
  decryptWith,
  derivedKey,
  digestOf,
  hmacDigestOf,
  type Password,
  passwordReadings,
  pkcs12Derive,
  withReadings,
} from './password-encryption.js';

/** What a PKCS #12 file holds: certificates as DER, private keys as PKCS #8 DER. */
export type Pkcs12 = { readonly certificates: readonly Buffer[]; readonly keys: readonly Buffer[] };

const data = '1.2.840.113549.1.7.1';
const encryptedData = '1.2.840.113549.1.7.6';
const bag = '1.2.840.113549.1.12.10.1.';
const x509Certificate = '1.2.840.113549.1.9.22.1';
const pbmac1 = '1.2.840.113549.1.5.14';
const explicit0 = 0xa0;
const maxBags = 1_000;

/** The content of a ContentInfo (RFC 5652 section 3). */
const contentOf = (info: DerNode | undefined): { type: string; content: DerNode } => {
  const [type, wrapped] = derChildren(info);
  const [content] = derChildren(wrapped, explicit0);
  if (content === undefined) throw damaged('has an empty content');
  return { type: derOid(type), content };
};

/** True when the bytes have the outline of a PKCS #12 file: version 3 and a ContentInfo. */
export const looksLikePkcs12 = (bytes: Buffer): boolean => {
  try {
    const [version, content] = derChildren(readDer(bytes));
    return version?.tag === derTag.integer && derInteger(version) === 3 && content?.tag === derTag.sequence;
  } catch {
    return false;
  }
};

const macMatches = (macData: DerNode, content: Buffer, password: Password): boolean => {
  const [digestInfo, salt, count] = derChildren(macData);
  const [algorithm, expected] = derChildren(digestInfo);
  const [oid, parameters] = derChildren(algorithm);
  let actual: Buffer;
  if (derOid(oid) === pbmac1) {
    // RFC 9579: key by PBKDF2, then HMAC.
    const [kdf, scheme] = derChildren(parameters);
    actual = createHmac(hmacDigestOf(scheme), derivedKey(kdf, password, undefined))
      .update(content)
      .digest();
  } else {
    const digest = digestOf(algorithm);
    const length = derOctets(expected).length;
    const iterations = count === undefined ? 1 : derInteger(count);
    if (iterations < 1 || iterations > 20_000_000) throw damaged('asks for an impossible number of iterations');
    const key = pkcs12Derive(
      digest,
      3,
      password.bmp,
      derOctets(salt),
      iterations,
      createHmac(digest, '').digest().length,
    );
    actual = createHmac(digest, key).update(content).digest();
    if (length !== actual.length) throw damaged('has a MAC of the wrong length');
  }
  const stated = derOctets(expected);
  return stated.length === actual.length && timingSafeEqual(stated, actual);
};

type Found = { certificates: Buffer[]; keys: Buffer[]; bags: number };

const readBags = (contents: Buffer, password: Password, found: Found, depth = 0): void => {
  if (depth > 4) throw damaged('is nested too deeply');
  for (const item of derChildren(readDer(contents))) {
    found.bags += 1;
    if (found.bags > maxBags) throw damaged('has too many parts');
    const [oid, wrapped] = derChildren(item);
    const type = derOid(oid);
    const [value] = derChildren(wrapped, explicit0);
    if (value === undefined) throw damaged('has an empty part');
    if (type === `${bag}1`) found.keys.push(value.bytes);
    else if (type === `${bag}2`) {
      const [algorithm, encrypted] = derChildren(value);
      found.keys.push(readDer(decryptWith(algorithm, password, derOctets(encrypted))).bytes);
    } else if (type === `${bag}3`) {
      const [kind, certificate] = derChildren(value);
      if (derOid(kind) === x509Certificate) found.certificates.push(derOctets(derChildren(certificate, explicit0)[0]));
    } else if (type === `${bag}6`) readBags(value.bytes, password, found, depth + 1);
  }
};

const readSafe = (content: Buffer, password: Password): Found => {
  const found: Found = { certificates: [], keys: [], bags: 0 };
  for (const info of derChildren(readDer(content))) {
    const { type, content: inner } = contentOf(info);
    if (type === data) readBags(derOctets(inner), password, found);
    else if (type === encryptedData) {
      const [, encrypted] = derChildren(inner);
      const [, algorithm, ciphertext] = derChildren(encrypted);
      const plain = decryptWith(algorithm, password, derOctets(ciphertext));
      // Stream ciphers have no padding that would show a wrong password; the structure does.
      if (plain[0] !== derTag.sequence) throw passwordWrong();
      readBags(plain, password, found);
    } else throw unsupported('encryption to a public key');
  }
  return found;
};

/**
 * Reads a PKCS #12 file (RFC 7292), the legacy encryptions of older Windows, Java and OpenSSL included. A MAC that is
 * there must be right. Throws MaterialError, or the DER reader's error for bytes that are no DER. Key derivation takes
 * as long as the file says: run it in a worker.
 */
export const readPkcs12 = (bytes: Buffer, password: string | undefined): Pkcs12 => {
  const [, authSafe, macData] = derChildren(readDer(bytes));
  const { type, content } = contentOf(authSafe);
  if (type !== data) throw unsupported('a signature in place of a password');
  const safe = derOctets(content);
  const readings = passwordReadings(password ?? '');
  try {
    return withReadings(readings, (reading) => {
      if (macData !== undefined && !macMatches(macData, safe, reading)) throw passwordWrong();
      return readSafe(safe, reading);
    });
  } catch (error) {
    if (password === undefined && error instanceof Error && 'kind' in error && error.kind === 'password-wrong')
      throw passwordMissing();
    throw error;
  }
};
