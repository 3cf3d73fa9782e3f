import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { der, derTag, encodeInteger, encodeOid } from './der.js';

/** Certificate and key, PEM. The key is PKCS #8, not encrypted. */
export type IssuedCertificate = { readonly certificate: string; readonly privateKey: string };

export type CertificateRequest = {
  /** Common name of the subject. */
  readonly name: string;
  /** DNS names and IP addresses the certificate is good for. */
  readonly hosts?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Default `ec` (P-256), the fastest to make. */
  readonly keyType?: 'ec' | 'rsa';
};

/** A certificate authority of this machine's own: for the demo and for tests, never for the public internet. */
export type CertificateAuthority = {
  /** PEM; what a peer has to trust. */
  readonly certificate: string;
  issue(request: CertificateRequest): IssuedCertificate;
};

const day = 86_400_000;
const ecdsaWithSha256 = der(derTag.sequence, encodeOid('1.2.840.10045.4.3.2'));

const newKey = (type: 'ec' | 'rsa'): KeyObject =>
  type === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
    : generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const commonName = (name: string): Buffer =>
  der(
    derTag.sequence,
    der(derTag.set, der(derTag.sequence, encodeOid('2.5.4.3'), der(0x0c, Buffer.from(name, 'utf8')))),
  );

const time = (at: Date): Buffer => der(0x18, `${at.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`);

const ipBytes = (address: string): Buffer => {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const middle = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...middle, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
};

const extension = (oid: string, critical: boolean, value: Buffer): Buffer =>
  der(
    derTag.sequence,
    encodeOid(oid),
    ...(critical ? [der(0x01, Buffer.from([0xff]))] : []),
    der(derTag.octetString, value),
  );

const subjectAltName = (hosts: readonly string[]): Buffer =>
  extension(
    '2.5.29.17',
    false,
    der(derTag.sequence, ...hosts.map((host) => (isIP(host) === 0 ? der(0x82, host) : der(0x87, ipBytes(host))))),
  );

/** RFC 5280 section 4.1, signed with ECDSA and SHA-256. */
const certificateOf = (
  issuer: { name: string; key: KeyObject },
  request: CertificateRequest,
  key: KeyObject,
  ca: boolean,
) => {
  const now = Date.now();
  const extensions = [
    extension('2.5.29.19', true, der(derTag.sequence, ...(ca ? [der(0x01, Buffer.from([0xff]))] : []))),
    // keyCertSign and cRLSign for an authority; digitalSignature and keyEncipherment for the others.
    extension('2.5.29.15', true, der(derTag.bitString, Buffer.from(ca ? [1, 0x06] : [5, 0xa0]))),
    ...(ca
      ? []
      : [
          extension(
            '2.5.29.37',
            false,
            der(derTag.sequence, encodeOid('1.3.6.1.5.5.7.3.1'), encodeOid('1.3.6.1.5.5.7.3.2')),
          ),
        ]),
    ...(request.hosts === undefined || request.hosts.length === 0 ? [] : [subjectAltName(request.hosts)]),
  ];
  const body = der(
    derTag.sequence,
    der(0xa0, encodeInteger(2)),
    encodeInteger(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    commonName(issuer.name),
    der(
      derTag.sequence,
      time(request.notBefore ?? new Date(now - day)),
      time(request.notAfter ?? new Date(now + 30 * day)),
    ),
    commonName(request.name),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(0xa3, der(derTag.sequence, ...extensions)),
  );
  const signature = der(derTag.bitString, Buffer.from([0]), sign('sha256', body, issuer.key));
  return new X509Certificate(der(derTag.sequence, body, ecdsaWithSha256, signature)).toString();
};

/** Makes an authority whose certificate is valid for 30 days. */
export const createCertificateAuthority = (name: string): CertificateAuthority => {
  const key = newKey('ec');
  const certificate = certificateOf({ name, key }, { name }, key, true);
  return {
    certificate,
    issue(request) {
      const subjectKey = newKey(request.keyType ?? 'ec');
      return {
        certificate: certificateOf({ name, key }, request, subjectKey, false),
        privateKey: createPrivateKey(subjectKey.export({ type: 'pkcs8', format: 'pem' })).export({
          type: 'pkcs8',
          format: 'pem',
        }) as string,
      };
    },
  };
};
