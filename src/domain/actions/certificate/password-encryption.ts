import { createDecipheriv, hash, pbkdf2Sync, scryptSync } from 'node:crypto';
import { type DerNode, derChildren, derInteger, derOctets, derOid, derTag } from '../../../core/der.js';
import { rc2CbcDecrypt, rc4, unpad } from './legacy-ciphers.js';
import { damaged, MaterialError, passwordWrong, unsupported } from './material-error.js';

/** More than any tool writes; beyond this a file is an attack on the processor. */
const maxIterations = 20_000_000;
const maxScryptMemory = 256 * 1024 * 1024;

/** Digests by their name in OpenSSL, with the block size that key derivation works on, bytes. */
const blockBytes = {
  md5: 64,
  sha1: 64,
  sha224: 64,
  sha256: 64,
  sha384: 128,
  sha512: 128,
  'sha512-224': 128,
  'sha512-256': 128,
  'sha3-224': 144,
  'sha3-256': 136,
  'sha3-384': 104,
  'sha3-512': 72,
} as const;
type Digest = keyof typeof blockBytes;

const digests: Readonly<Record<string, Digest>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  '2.16.840.1.101.3.4.2.5': 'sha512-224',
  '2.16.840.1.101.3.4.2.6': 'sha512-256',
  '2.16.840.1.101.3.4.2.7': 'sha3-224',
  '2.16.840.1.101.3.4.2.8': 'sha3-256',
  '2.16.840.1.101.3.4.2.9': 'sha3-384',
  '2.16.840.1.101.3.4.2.10': 'sha3-512',
  '1.2.840.113549.2.5': 'md5',
};

const hmacDigests: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
  '1.2.840.113549.2.12': 'sha512-224',
  '1.2.840.113549.2.13': 'sha512-256',
  '1.2.840.113549.2.6': 'md5',
  '2.16.840.1.101.3.4.2.13': 'sha3-224',
  '2.16.840.1.101.3.4.2.14': 'sha3-256',
  '2.16.840.1.101.3.4.2.15': 'sha3-384',
  '2.16.840.1.101.3.4.2.16': 'sha3-512',
};

/** The digest of an AlgorithmIdentifier. */
export const digestOf = (algorithm: DerNode | undefined): Digest => {
  const oid = derOid(derChildren(algorithm)[0]);
  const name = digests[oid];
  if (name === undefined) throw unsupported(`the digest ${oid}`);
  return name;
};

/** The digest of an HMAC's AlgorithmIdentifier; SHA-1 when it is left out (RFC 8018 appendix A.2). */
export const hmacDigestOf = (algorithm: DerNode | undefined): string => {
  if (algorithm === undefined) return 'sha1';
  const oid = derOid(derChildren(algorithm)[0]);
  const name = hmacDigests[oid];
  if (name === undefined) throw unsupported(`the pseudo-random function ${oid}`);
  return name;
};

const iterationsOf = (node: DerNode | undefined): number => {
  const count = derInteger(node);
  if (count < 1 || count > maxIterations) throw damaged('asks for an impossible number of iterations');
  return count;
};

/** The forms a password takes: text as UTF-8 for PBES2, UTF-16 with a final zero for PKCS #12. */
export type Password = { readonly utf8: Buffer; readonly bmp: Buffer };

const bmpOf = (units: Iterable<number>): Buffer => {
  const codes = [...units];
  const buffer = Buffer.alloc(codes.length * 2 + 2);
  for (const [index, code] of codes.entries()) buffer.writeUInt16BE(code, index * 2);
  return buffer;
};

/**
 * The readings of one password. Tools disagree on what is not ASCII, and on whether an empty password has its final
 * zero; the first reading that opens the file is the right one.
 */
export const passwordReadings = (password: string): Password[] => {
  const utf8 = Buffer.from(password, 'utf8');
  const units = Array.from({ length: password.length }, (_, index) => password.charCodeAt(index));
  const readings: Password[] = [{ utf8, bmp: bmpOf(units) }];
  if (password === '') readings.push({ utf8, bmp: Buffer.alloc(0) });
  if (utf8.length !== password.length) {
    // OpenSSL before 1.1 took each byte of UTF-8 for a character; others took Latin-1 for PBES2.
    readings.push({ utf8: Buffer.from(password, 'latin1'), bmp: bmpOf(utf8) });
  }
  return readings;
};

const repeated = (bytes: Uint8Array, length: number): Buffer =>
  bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(Math.ceil(bytes.length / length) * length, bytes);

/** PKCS #12 key derivation (RFC 7292 appendix B.2). `id`: 1 key, 2 initial vector, 3 MAC key. */
export const pkcs12Derive = (
  digest: Digest,
  id: 1 | 2 | 3,
  password: Buffer,
  salt: Buffer,
  iterations: number,
  length: number,
): Buffer => {
  const v = blockBytes[digest];
  const diversifier = Buffer.alloc(v, id);
  const input = Buffer.concat([repeated(salt, v), repeated(password, v)]);
  const parts: Buffer[] = [];
  let made = 0;
  while (made < length) {
    let block = hash(digest, Buffer.concat([diversifier, input]), 'buffer');
    for (let round = 1; round < iterations; round += 1) block = hash(digest, block, 'buffer');
    parts.push(block);
    made += block.length;
    const adder = repeated(block, v).subarray(0, v);
    for (let start = 0; start < input.length; start += v) {
      let carry = 1;
      for (let at = v - 1; at >= 0; at -= 1) {
        const sum = (input[start + at] ?? 0) + (adder[at] ?? 0) + carry;
        input[start + at] = sum & 0xff;
        carry = sum >> 8;
      }
    }
  }
  return Buffer.concat(parts).subarray(0, length);
};

/** Decrypts with a cipher of OpenSSL's; bad padding means a wrong password. */
export const decipher = (name: string, key: Buffer, iv: Buffer, data: Buffer): Buffer => {
  try {
    const cipher = createDecipheriv(name, key, iv);
    return Buffer.concat([cipher.update(data), cipher.final()]);
  } catch {
    throw passwordWrong();
  }
};

/** Single DES is triple DES with one key three times over; OpenSSL 3 has only the latter at hand. */
export const tripled = (key: Buffer): Buffer => Buffer.concat([key, key, key]);

const rc2 = (key: Buffer, bits: number, iv: Buffer, data: Buffer): Buffer => {
  const plain = data.length % 8 === 0 ? unpad(rc2CbcDecrypt(key, bits, iv, data), 8) : undefined;
  if (plain === undefined) throw passwordWrong();
  return plain;
};

type Decrypt = (parameters: DerNode | undefined, password: Password, data: Buffer) => Buffer;

const pkcs12Scheme =
  (keyLength: number, ivLength: number, run: (key: Buffer, iv: Buffer, data: Buffer) => Buffer): Decrypt =>
  (parameters, password, data) => {
    const [salt, count] = derChildren(parameters);
    const [saltBytes, iterations] = [derOctets(salt), iterationsOf(count)];
    const key = pkcs12Derive('sha1', 1, password.bmp, saltBytes, iterations, keyLength);
    const iv =
      ivLength === 0 ? Buffer.alloc(0) : pkcs12Derive('sha1', 2, password.bmp, saltBytes, iterations, ivLength);
    return run(key, iv, data);
  };

/** PBES1 (RFC 8018 section 6.1): eight bytes of key and eight of vector from the iterated digest. */
const pbes1 =
  (digest: 'md5' | 'sha1', run: (key: Buffer, iv: Buffer, data: Buffer) => Buffer): Decrypt =>
  (parameters, password, data) => {
    const [salt, count] = derChildren(parameters);
    const iterations = iterationsOf(count);
    let block = hash(digest, Buffer.concat([password.utf8, derOctets(salt)]), 'buffer');
    for (let round = 1; round < iterations; round += 1) block = hash(digest, block, 'buffer');
    return run(block.subarray(0, 8), block.subarray(8, 16), data);
  };

const des = (key: Buffer, iv: Buffer, data: Buffer): Buffer => decipher('des-ede3-cbc', tripled(key), iv, data);

type Cipher = { readonly name: string; readonly keyLength: number };

const ciphers: Readonly<Record<string, Cipher>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
  '1.2.392.200011.61.1.1.1.2': { name: 'camellia-128-cbc', keyLength: 16 },
  '1.2.392.200011.61.1.1.1.3': { name: 'camellia-192-cbc', keyLength: 24 },
  '1.2.392.200011.61.1.1.1.4': { name: 'camellia-256-cbc', keyLength: 32 },
  '1.2.410.200046.1.1.2': { name: 'aria-128-cbc', keyLength: 16 },
  '1.2.410.200046.1.1.7': { name: 'aria-192-cbc', keyLength: 24 },
  '1.2.410.200046.1.1.12': { name: 'aria-256-cbc', keyLength: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
  '1.3.14.3.2.7': { name: 'des', keyLength: 8 },
};

const scryptKey = (parameters: readonly DerNode[], password: Password, length: number): Buffer => {
  const [salt, n, r, p] = parameters;
  const cost = { N: derInteger(n), r: derInteger(r), p: derInteger(p), maxmem: maxScryptMemory };
  try {
    return scryptSync(password.utf8, derOctets(salt), length, cost);
  } catch {
    throw damaged('asks for an impossible amount of memory');
  }
};

/** The key of a PBES2 or PBMAC1 derivation (RFC 8018 section 5.2, RFC 7914 section 7). */
export const derivedKey = (kdf: DerNode | undefined, password: Password, length: number | undefined): Buffer => {
  const [oid, parameters] = derChildren(kdf);
  const fields = derChildren(parameters);
  const name = derOid(oid);
  if (name === '1.3.6.1.4.1.11591.4.11') {
    const stated = fields[4] === undefined ? undefined : derInteger(fields[4]);
    return scryptKey(fields, password, length ?? stated ?? 32);
  }
  if (name !== '1.2.840.113549.1.5.12') throw unsupported(`the key derivation ${name}`);
  const [salt, count, ...rest] = fields;
  const stated = rest.find((node) => node.tag === derTag.integer);
  const prf = hmacDigestOf(rest.find((node) => node.tag === derTag.sequence));
  const size = length ?? (stated === undefined ? 32 : derInteger(stated));
  if (size > 1_024) throw damaged('asks for an impossible key');
  return pbkdf2Sync(password.utf8, derOctets(salt), iterationsOf(count), size, prf);
};

const pbes2: Decrypt = (parameters, password, data) => {
  const [kdf, scheme] = derChildren(parameters);
  const [oid, setting] = derChildren(scheme);
  const name = derOid(oid);
  if (name === '1.2.840.113549.3.2') {
    const [version, iv] = derChildren(setting);
    // RFC 8018 appendix B.2.3: the version encodes the effective bits.
    const bits = { 160: 40, 120: 64, 58: 128 }[derInteger(version)] ?? 128;
    return rc2(derivedKey(kdf, password, bits / 8), bits, derOctets(iv), data);
  }
  const cipher = ciphers[name];
  if (cipher === undefined) throw unsupported(`the cipher ${name}`);
  const key = derivedKey(kdf, password, cipher.keyLength);
  if (cipher.name === 'des') return des(key, derOctets(setting), data);
  return decipher(cipher.name, key, derOctets(setting), data);
};

const schemes: Readonly<Record<string, Decrypt>> = {
  '1.2.840.113549.1.5.13': pbes2,
  '1.2.840.113549.1.12.1.1': pkcs12Scheme(16, 0, (key, _iv, data) => rc4(key, data)),
  '1.2.840.113549.1.12.1.2': pkcs12Scheme(5, 0, (key, _iv, data) => rc4(key, data)),
  '1.2.840.113549.1.12.1.3': pkcs12Scheme(24, 8, (key, iv, data) => decipher('des-ede3-cbc', key, iv, data)),
  '1.2.840.113549.1.12.1.4': pkcs12Scheme(16, 8, (key, iv, data) =>
    decipher('des-ede3-cbc', Buffer.concat([key, key.subarray(0, 8)]), iv, data),
  ),
  '1.2.840.113549.1.12.1.5': pkcs12Scheme(16, 8, (key, iv, data) => rc2(key, 128, iv, data)),
  '1.2.840.113549.1.12.1.6': pkcs12Scheme(5, 8, (key, iv, data) => rc2(key, 40, iv, data)),
  '1.2.840.113549.1.5.3': pbes1('md5', des),
  '1.2.840.113549.1.5.10': pbes1('sha1', des),
  '1.2.840.113549.1.5.6': pbes1('md5', (key, iv, data) => rc2(key, 64, iv, data)),
  '1.2.840.113549.1.5.11': pbes1('sha1', (key, iv, data) => rc2(key, 64, iv, data)),
};

/** Decrypts what an AlgorithmIdentifier describes. Throws MaterialError. */
export const decryptWith = (algorithm: DerNode | undefined, password: Password, data: Buffer): Buffer => {
  const [oid, parameters] = derChildren(algorithm);
  const name = derOid(oid);
  const scheme = schemes[name];
  if (scheme === undefined) throw unsupported(`the encryption ${name}`);
  return scheme(parameters, password, data);
};

/** Tries each reading of a password until one opens. */
export const withReadings = <T>(readings: readonly Password[], open: (password: Password) => T): T => {
  let failure: MaterialError = passwordWrong();
  for (const reading of readings) {
    try {
      return open(reading);
    } catch (error) {
      if (!(error instanceof MaterialError) || error.kind !== 'password-wrong') throw error;
      failure = error;
    }
  }
  throw failure;
};
