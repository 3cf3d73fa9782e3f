import { createPrivateKey, hash, type KeyObject, X509Certificate } from 'node:crypto';
import { derChildren, derOctets, isDerError, readDer } from '../../../core/der.js';
import { damaged, MaterialError, passwordMissing, passwordWrong, unsupported } from './material-error.js';
import { decipher, decryptWith, passwordReadings, tripled, withReadings } from './password-encryption.js';
import { looksLikePkcs12, readPkcs12 } from './pkcs12.js';

/** Largest file that is looked at, bytes. */
export const maxMaterialBytes = 262_144;
/** The same in base64, with line ends, bytes. */
export const maxUploadBytes = 360_000;

/** What was uploaded: one file that holds everything, or a certificate and a key. */
export type CertificateUpload = {
  readonly certificate: Uint8Array;
  readonly key?: Uint8Array | undefined;
  readonly password?: string | undefined;
};

/** A certificate in the one form that is kept, and what is shown of it. */
export type NormalisedCertificate = {
  /** PEM, the leaf first. */
  readonly certificateChain: string;
  /** PEM, PKCS #8, not encrypted: it goes straight into the vault. */
  readonly privateKey: string;
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256, upper-case hex with colons. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Certificates in the chain, the leaf included. */
  readonly chainLength: number;
  readonly keyType: string;
};

type Found = { certificates: X509Certificate[]; keys: KeyObject[] };

/** A block ends at the next row of dashes, whatever it is: a block without an end is looked through once. */
const pemBlock = /-----BEGIN ([A-Z0-9 ]{1,64})-----((?:(?!-----)[\s\S])*)-----END \1-----/g;

const certificateOf = (bytes: Buffer): X509Certificate => {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw damaged('holds a certificate that cannot be read');
  }
};

const keyOf = (bytes: Buffer, type: 'pkcs8' | 'pkcs1' | 'sec1'): KeyObject => {
  try {
    return createPrivateKey({ key: bytes, format: 'der', type });
  } catch {
    throw damaged('holds a private key that cannot be read');
  }
};

const given = (password: string | undefined): string => {
  if (password === undefined || password === '') throw passwordMissing();
  return password;
};

/** EncryptedPrivateKeyInfo (RFC 5958 section 3). */
const encryptedKey = (bytes: Buffer, password: string | undefined): KeyObject => {
  const [algorithm, ciphertext] = derChildren(readDer(bytes));
  const data = derOctets(ciphertext);
  return withReadings(passwordReadings(given(password)), (reading) => {
    const plain = decryptWith(algorithm, reading, data);
    try {
      return createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
    } catch {
      // Padding can be right by chance; a key cannot.
      throw passwordWrong();
    }
  });
};

const ciphers: Readonly<Record<string, { name: string; keyLength: number }>> = {
  'AES-128-CBC': { name: 'aes-128-cbc', keyLength: 16 },
  'AES-192-CBC': { name: 'aes-192-cbc', keyLength: 24 },
  'AES-256-CBC': { name: 'aes-256-cbc', keyLength: 32 },
  'DES-EDE3-CBC': { name: 'des-ede3-cbc', keyLength: 24 },
  'DES-CBC': { name: 'des', keyLength: 8 },
};

/** The traditional encryption of OpenSSL: `DEK-Info` in the PEM, a key by MD5 (EVP_BytesToKey). */
const traditionalKey = (text: string, password: string | undefined, type: 'pkcs1' | 'sec1'): KeyObject => {
  const [, cipherName = '', ivHex = ''] = /DEK-Info:\s*([A-Z0-9-]+),([0-9A-Fa-f]+)/.exec(text) ?? [];
  const cipher = ciphers[cipherName];
  if (cipher === undefined) throw unsupported(`the encryption ${cipherName.slice(0, 30)}`);
  const iv = Buffer.from(ivHex, 'hex');
  const secret = Buffer.concat([Buffer.from(given(password), 'utf8'), iv.subarray(0, 8)]);
  let material = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  while (material.length < cipher.keyLength) {
    block = hash('md5', Buffer.concat([block, secret]), 'buffer');
    material = Buffer.concat([material, block]);
  }
  const key = material.subarray(0, cipher.keyLength);
  const data = Buffer.from(text.slice(text.indexOf(ivHex) + ivHex.length), 'base64');
  const plain =
    cipher.name === 'des' ? decipher('des-ede3-cbc', tripled(key), iv, data) : decipher(cipher.name, key, iv, data);
  try {
    return createPrivateKey({ key: plain, format: 'der', type });
  } catch {
    throw passwordWrong();
  }
};

const readPem = (text: string, password: string | undefined, found: Found): void => {
  for (const [, label = '', body = ''] of text.matchAll(pemBlock)) {
    const bytes = Buffer.from(body, 'base64');
    const type = label === 'EC PRIVATE KEY' ? 'sec1' : 'pkcs1';
    if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE') found.certificates.push(certificateOf(bytes));
    else if (label === 'PRIVATE KEY') found.keys.push(keyOf(bytes, 'pkcs8'));
    else if (label === 'ENCRYPTED PRIVATE KEY') found.keys.push(encryptedKey(bytes, password));
    else if (label === 'RSA PRIVATE KEY' || label === 'EC PRIVATE KEY') {
      found.keys.push(body.includes('ENCRYPTED') ? traditionalKey(body, password, type) : keyOf(bytes, type));
    } else if (label === 'PKCS12') readPkcs12Into(bytes, password, found);
  }
};

const readPkcs12Into = (bytes: Buffer, password: string | undefined, found: Found): void => {
  const { certificates, keys } = readPkcs12(bytes, password);
  found.certificates.push(...certificates.map(certificateOf));
  found.keys.push(...keys.map((key) => keyOf(key, 'pkcs8')));
};

const readDerFile = (bytes: Buffer, password: string | undefined, found: Found): void => {
  if (looksLikePkcs12(bytes)) {
    readPkcs12Into(bytes, password, found);
    return;
  }
  try {
    found.certificates.push(new X509Certificate(bytes));
    return;
  } catch {
    // Not a certificate; perhaps a key.
  }
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      found.keys.push(createPrivateKey({ key: bytes, format: 'der', type }));
      return;
    } catch {
      // Not of this form.
    }
  }
  const [algorithm, ciphertext, ...rest] = derChildren(readDer(bytes));
  if (algorithm === undefined || ciphertext === undefined || rest.length > 0) {
    throw damaged('is neither PKCS #12 nor PEM nor a certificate or key in DER');
  }
  found.keys.push(encryptedKey(bytes, password));
};

/** A file that came in base64, as JSON carries it, as the file it is. */
const decoded = (bytes: Buffer): Buffer => {
  const text = bytes.toString('latin1').trim();
  return /^[A-Za-z0-9+/\s]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : bytes;
};

const readFile = (file: Uint8Array, password: string | undefined, found: Found): void => {
  const bytes = decoded(Buffer.from(file));
  if (bytes.length > maxMaterialBytes)
    throw new MaterialError('too-large', `The file is larger than ${maxMaterialBytes} bytes.`);
  if (bytes.length === 0) throw damaged('is empty');
  if (bytes.includes('-----BEGIN ')) readPem(bytes.toString('latin1'), password, found);
  else readDerFile(bytes, password, found);
};

/** The leaf first, then each certificate's issuer as far as they are there. */
const chainOf = (leaf: X509Certificate, others: readonly X509Certificate[]): X509Certificate[] => {
  const chain = [leaf];
  const left = others.filter((other) => other.fingerprint256 !== leaf.fingerprint256);
  for (let last: X509Certificate | undefined = leaf; last !== undefined; ) {
    const current: X509Certificate = last;
    const index = current.checkIssued(current) ? -1 : left.findIndex((other) => current.checkIssued(other));
    last = index === -1 ? undefined : left.splice(index, 1)[0];
    if (last !== undefined) chain.push(last);
  }
  return chain;
};

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
const oneLine = (name: string): string => name.split('\n').join(', ');

/**
 * Brings an upload into the one form that is kept, whatever it came in: P12, PFX, PEM, CER, CRT, KEY, in DER, PEM or
 * base64. Refuses what could never work. Throws MaterialError. Deriving keys may take seconds: run it in a worker.
 */
export const normaliseCertificate = (upload: CertificateUpload, nowMs: number): NormalisedCertificate => {
  const found: Found = { certificates: [], keys: [] };
  try {
    readFile(upload.certificate, upload.password, found);
    if (upload.key !== undefined) readFile(upload.key, upload.password, found);
  } catch (error) {
    if (error instanceof MaterialError) throw error;
    if (isDerError(error)) throw damaged(error instanceof Error ? error.message : 'cannot be read');
    throw damaged('cannot be read');
  }
  if (found.certificates.length === 0) throw new MaterialError('no-certificate', 'The file holds no certificate.');
  if (found.keys.length === 0) {
    throw new MaterialError('no-key', 'The file holds no private key; upload the key with the certificate.');
  }
  for (const key of found.keys) {
    const leaf = found.certificates.find((certificate) => certificate.checkPrivateKey(key));
    if (leaf === undefined) continue;
    const [notBefore, notAfter] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
    if (notAfter <= nowMs) throw new MaterialError('expired', `The certificate expired on ${day(notAfter)}.`);
    const chain = chainOf(leaf, found.certificates);
    return {
      certificateChain: chain.map((certificate) => certificate.toString()).join(''),
      privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      subject: oneLine(leaf.subject),
      issuer: oneLine(leaf.issuer),
      fingerprint: leaf.fingerprint256,
      notBefore,
      notAfter,
      chainLength: chain.length,
      keyType: key.asymmetricKeyType ?? 'unknown',
    };
  }
  throw new MaterialError('mismatch', 'The private key does not belong to the certificate.');
};

const warningDays = 30;

/** What a person should know of a certificate that is in use: how soon it ends. */
export const certificateWarnings = (
  certificate: Pick<NormalisedCertificate, 'notBefore' | 'notAfter'>,
  nowMs: number,
): string[] => {
  const warnings: string[] = [];
  const left = Math.floor((certificate.notAfter - nowMs) / 86_400_000);
  if (left < 0) warnings.push(`The certificate expired on ${day(certificate.notAfter)}.`);
  else if (left < warningDays)
    warnings.push(`The certificate expires on ${day(certificate.notAfter)}, in ${left} days.`);
  if (certificate.notBefore > nowMs) warnings.push(`The certificate is valid only from ${day(certificate.notBefore)}.`);
  return warnings;
};
