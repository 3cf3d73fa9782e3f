import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ActionRig, startActionRig } from '../../../../test/support/action-rig.js';
import { systemClock } from '../../../core/clock.js';
import { createCertificateAuthority } from '../../../core/x509.js';
import { MaterialError } from './material-error.js';
import {
  type CertificateUpload,
  certificateWarnings,
  type NormalisedCertificate,
  normaliseCertificate,
} from './normalise.js';
import { createCertificateNormaliser } from './upload.js';

const password = 'pass wörd';
const authority = createCertificateAuthority('Client authority');
const client = authority.issue({ name: 'Ada the client', keyType: 'rsa' });
const elliptic = authority.issue({ name: 'Ada the client', keyType: 'ec' });
let folder = '';
let rig: ActionRig;

const file = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe', cwd: folder });
const made = (name: string): Buffer => readFileSync(file(name));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  writeFileSync(file('c.pem'), client.certificate);
  writeFileSync(file('k.pem'), client.privateKey);
  writeFileSync(file('ca.pem'), authority.certificate);
  writeFileSync(file('pass'), password);
  rig = await startActionRig({
    target: { tls: { requestCert: true, rejectUnauthorized: true, ca: authority.certificate } },
  });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await rig.close();
});

const export12 = (name: string, ...options: string[]): Buffer => {
  openssl('pkcs12', '-export', '-inkey', 'k.pem', '-in', 'c.pem', '-out', name, '-passout', 'file:pass', ...options);
  return made(name);
};

const normaliser = createCertificateNormaliser(systemClock);

const failureOf = async (upload: CertificateUpload): Promise<MaterialError> => {
  const outcome = await normaliser.normalise(upload).catch((error: unknown) => error);
  if (!(outcome instanceof MaterialError)) throw new Error('expected a MaterialError');
  return outcome;
};

/** Puts the certificate into the vault and makes a call with it; the target names whom it saw. */
const seenBy = async (certificate: NormalisedCertificate, more: Record<string, string> = {}) => {
  rig.certificates.set('my_cert', { version: certificate.fingerprint, ...certificate });
  rig.target.requests.length = 0;
  const result = await rig.run({
    auth: { type: 'mtls', certificate: '{secret.my_cert}', password: '{secret.cert_password}', ...more },
  });
  return { result, subject: rig.target.requests[0]?.clientSubject };
};

describe('certificates can be uploaded in P12, PFX, PEM, CER, CRT or KEY formats', () => {
  const forms: [string, () => CertificateUpload][] = [
    ['P12 with AES-256', () => ({ certificate: export12('aes.p12'), password })],
    [
      'P12 with 3DES',
      () => ({
        certificate: export12('3des.p12', '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'),
        password,
      }),
    ],
    ['P12 with RC2-40, as older tools wrote it', () => ({ certificate: export12('rc2.p12', '-legacy'), password })],
    [
      'P12 with RC2-128',
      () => ({
        certificate: export12('rc2b.p12', '-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-128'),
        password,
      }),
    ],
    [
      'P12 with RC4-128',
      () => ({
        certificate: export12('rc4.p12', '-legacy', '-certpbe', 'PBE-SHA1-RC4-128', '-keypbe', 'PBE-SHA1-RC4-128'),
        password,
      }),
    ],
    ['P12 without MAC', () => ({ certificate: export12('nomac.p12', '-nomac'), password })],
    [
      'P12 without encryption',
      () => ({ certificate: export12('open.p12', '-certpbe', 'NONE', '-keypbe', 'NONE', '-nomac') }),
    ],
    ['PFX with the chain', () => ({ certificate: export12('chain.pfx', '-certfile', 'ca.pem'), password })],
    ['base64 of P12', () => ({ certificate: Buffer.from(export12('b.p12').toString('base64')), password })],
    [
      'base64 of PEM',
      () => ({ certificate: Buffer.from(Buffer.from(client.certificate + client.privateKey).toString('base64')) }),
    ],
    ['PEM, certificate and key in one', () => ({ certificate: Buffer.from(client.certificate + client.privateKey) })],
    ['PEM, key first', () => ({ certificate: Buffer.from(client.privateKey + client.certificate) })],
    [
      'PEM with encrypted PKCS #8 key',
      () => {
        openssl('pkcs8', '-topk8', '-in', 'k.pem', '-out', 'ek.pem', '-v2', 'aes-256-cbc', '-passout', 'file:pass');
        return { certificate: Buffer.concat([Buffer.from(client.certificate), made('ek.pem')]), password };
      },
    ],
    [
      'PEM with a key encrypted by scrypt',
      () => {
        openssl('pkcs8', '-topk8', '-in', 'k.pem', '-out', 'sk.pem', '-scrypt', '-passout', 'file:pass');
        return { certificate: Buffer.concat([Buffer.from(client.certificate), made('sk.pem')]), password };
      },
    ],
    [
      'PEM with a key in the traditional encryption',
      () => {
        openssl('rsa', '-in', 'k.pem', '-out', 'tk.pem', '-traditional', '-des3', '-passout', 'file:pass');
        return { certificate: Buffer.concat([Buffer.from(client.certificate), made('tk.pem')]), password };
      },
    ],
    [
      'CER in DER with a KEY in PEM',
      () => {
        openssl('x509', '-in', 'c.pem', '-outform', 'DER', '-out', 'c.cer');
        return { certificate: made('c.cer'), key: made('k.pem') };
      },
    ],
    [
      'CRT in PEM with a KEY in DER (PKCS #8)',
      () => {
        openssl('pkcs8', '-topk8', '-nocrypt', '-in', 'k.pem', '-outform', 'DER', '-out', 'k8.key');
        return { certificate: made('c.pem'), key: made('k8.key') };
      },
    ],
    [
      'CRT in DER with a KEY in DER (PKCS #1)',
      () => {
        openssl('rsa', '-in', 'k.pem', '-traditional', '-outform', 'DER', '-out', 'k1.key');
        return { certificate: made('c.cer'), key: made('k1.key') };
      },
    ],
    [
      'CRT with an encrypted KEY in DER',
      () => {
        openssl('pkcs8', '-topk8', '-in', 'k.pem', '-outform', 'DER', '-out', 'ek.key', '-passout', 'file:pass');
        return { certificate: made('c.pem'), key: made('ek.key'), password };
      },
    ],
    [
      'elliptic keys',
      () => ({ certificate: Buffer.from(elliptic.certificate), key: Buffer.from(elliptic.privateKey) }),
    ],
  ];

  it.each(forms)('%s', async (_name, upload) => {
    const certificate = await normaliser.normalise(upload());
    expect(certificate.subject).toBe('CN=Ada the client');
    const { result, subject } = await seenBy(certificate);
    expect(result).toMatchObject({ success: true, statusCode: 200 });
    expect(subject).toBe('Ada the client');
  });

  it('fingerprint, subject and expiry are shown after the upload', async () => {
    const shown = await normaliser.normalise({ certificate: Buffer.from(client.certificate + client.privateKey) });
    const printed = execFileSync('openssl', [
      'x509',
      '-in',
      file('c.pem'),
      '-noout',
      '-fingerprint',
      '-sha256',
    ]).toString();
    expect(printed).toContain(shown.fingerprint);
    expect(shown).toMatchObject({ issuer: 'CN=Client authority', chainLength: 1, keyType: 'rsa' });
    expect(shown.notAfter).toBeGreaterThan(Date.now());
  });
});

describe('what can never work is refused at upload, each with its own sentence', () => {
  it('a wrong password', async () => {
    for (const options of [[], ['-legacy'], ['-nomac']]) {
      const failure = await failureOf({ certificate: export12('w.p12', ...options), password: 'wrong' });
      expect(failure.message).toBe('The password does not open the file.');
    }
    expect((await failureOf({ certificate: made('c.pem'), key: made('ek.pem'), password: 'wrong' })).kind).toBe(
      'password-wrong',
    );
  });

  it('a missing password', async () => {
    expect((await failureOf({ certificate: export12('w.p12') })).message).toBe(
      'The file is encrypted; its password is required.',
    );
    expect((await failureOf({ certificate: made('c.pem'), key: made('ek.pem') })).kind).toBe('password-missing');
  });

  it("a key that is another certificate's", async () => {
    const failure = await failureOf({
      certificate: Buffer.from(client.certificate),
      key: Buffer.from(elliptic.privateKey),
    });
    expect(failure.message).toBe('The private key does not belong to the certificate.');
  });

  it('an expired certificate', async () => {
    const old = authority.issue({ name: 'old', notBefore: new Date('2019-01-01'), notAfter: new Date('2020-02-03') });
    const failure = await failureOf({ certificate: Buffer.from(old.certificate + old.privateKey) });
    expect(failure.message).toBe('The certificate expired on 2020-02-03.');
  });

  it('a file without key, without certificate, and one that is something else', async () => {
    expect((await failureOf({ certificate: Buffer.from(client.certificate) })).kind).toBe('no-key');
    expect((await failureOf({ certificate: Buffer.from(client.privateKey) })).kind).toBe('no-certificate');
    for (const junk of ['', 'hello', '0\u0080', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) {
      expect((await failureOf({ certificate: Buffer.from(junk, 'latin1') })).kind).toBe('damaged');
    }
    expect((await failureOf({ certificate: Buffer.alloc(300_000) })).kind).toBe('too-large');
  });

  it('a file cut short or changed anywhere never crashes the reader', { timeout: 120_000 }, () => {
    const whole = export12('cut.p12', '-legacy');
    for (let at = 0; at < whole.length; at += 7) {
      for (const bytes of [
        whole.subarray(0, at),
        Buffer.concat([whole.subarray(0, at), Buffer.from([(whole[at] ?? 0) ^ 0x55]), whole.subarray(at + 1)]),
      ]) {
        try {
          normaliseCertificate({ certificate: bytes, password }, Date.now());
        } catch (error) {
          expect(error).toBeInstanceOf(MaterialError);
        }
      }
    }
  });

  it('a file that takes too long to open', async () => {
    const impatient = createCertificateNormaliser(systemClock, 1);
    const failure = await impatient
      .normalise({ certificate: export12('slow.p12'), password })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'too-slow' });
  });
});

it('a PKCS #12 file of 1,000,000 iterations leaves the event loop free', { timeout: 60_000 }, async () => {
  const slow = export12('million.p12', '-iter', '1000000');
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 5);
  const began = performance.now();
  const certificate = await normaliser.normalise({ certificate: slow, password });
  const took = performance.now() - began;
  clearInterval(ticking);
  expect(certificate.subject).toBe('CN=Ada the client');
  // Opened on this thread the loop could not have turned once in all that time.
  expect(took).toBeGreaterThan(100);
  expect(turns).toBeGreaterThan(5);
});

describe('mutual TLS', () => {
  it('names an untrusted server, a target that refuses the client, and an expired or missing certificate', async () => {
    const good = await normaliser.normalise({ certificate: Buffer.from(client.certificate + client.privateKey) });
    const other = createCertificateAuthority('Other');
    const wrongCa = await seenBy(good, { caCertificate: Buffer.from(other.certificate).toString('base64') });
    expect(wrongCa.result.error).toMatchObject({ code: 'server_certificate' });
    const strange = other.issue({ name: 'stranger' });
    const stranger = await seenBy(
      await normaliser.normalise({ certificate: Buffer.from(strange.certificate + strange.privateKey) }),
    );
    expect(stranger.result.success).toBe(false);
    expect(['client_certificate', 'connection_lost']).toContain(stranger.result.error?.code);
    const expired = await seenBy({ ...good, notAfter: Date.parse('2024-05-06') });
    expect(expired.result.error).toEqual({
      code: 'authentication',
      message: 'The certificate "my_cert" expired on 2024-05-06; upload a new one.',
    });
    rig.certificates.clear();
    const missing = await rig.run({ auth: { type: 'mtls', certificate: '{secret.my_cert}' } });
    expect(missing.error?.message).toBe('The certificate "my_cert" does not exist.');
  });

  it("uses a base64 PEM CA instead of the system's", async () => {
    const good = await normaliser.normalise({ certificate: Buffer.from(client.certificate + client.privateKey) });
    const { result } = await seenBy(good, { caCertificate: Buffer.from(rig.target.authority).toString('base64') });
    expect(result).toMatchObject({ success: true });
  });

  it('keeps connections of different certificates apart', async () => {
    const first = await normaliser.normalise({ certificate: Buffer.from(client.certificate + client.privateKey) });
    const issued = authority.issue({ name: 'Bob' });
    const second = await normaliser.normalise({ certificate: Buffer.from(issued.certificate + issued.privateKey) });
    expect((await seenBy(first)).subject).toBe('Ada the client');
    expect((await seenBy(second)).subject).toBe('Bob');
    expect((await seenBy(first)).subject).toBe('Ada the client');
  });

  it('warns 30 days ahead', () => {
    const day = 86_400_000;
    expect(certificateWarnings({ notBefore: 0, notAfter: 29.5 * day }, 0)).toEqual([
      'The certificate expires on 1970-01-30, in 29 days.',
    ]);
    expect(certificateWarnings({ notBefore: 0, notAfter: 31 * day }, 0)).toEqual([]);
    expect(certificateWarnings({ notBefore: day, notAfter: 60 * day }, 0)).toHaveLength(1);
  });
});
