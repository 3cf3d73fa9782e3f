import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { createCertificateAuthority, type IssuedCertificate } from '../../src/core/x509.js';
import { type ActionGateway, startActionGateway } from '../support/action-gateway.js';

let rig: ActionGateway;
let folder = '';
const authority = createCertificateAuthority('Clients');
const password = 'password-of-the-file';
const placeholder = (name: string): string => `\${${name}}`;

/** A P12 file beside the document. */
const writeP12 = (name: string, issued: IssuedCertificate): string => {
  writeFileSync(join(folder, 'tls', 'both.pem'), issued.certificate + issued.privateKey);
  execFileSync(
    'openssl',
    ['pkcs12', '-export', '-in', 'both.pem', '-out', name, '-passout', `pass:${password}`, '-iter', '2048'],
    { cwd: join(folder, 'tls') },
  );
  return `tls/${name}`;
};

const cli = async (
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> => {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env: { VOICE_GATEWAY_URL: rig.gateway.httpUrl, DATA_DIR: rig.gateway.dataDir, ...env },
    // Another folder than that of the document: files are looked for beside the document.
    cwd: rig.gateway.dataDir,
    out: (text) => (out += text),
    err: (text) => (err += text),
    readStdin: async () => '',
    signal: new AbortController().signal,
  });
  return { code, out, err };
};

/** Applies a document with these certificates. */
const apply = (certificates: unknown, options: readonly string[] = [], env: Record<string, string> = {}) => {
  const path = join(folder, 'org.yaml');
  const auth = {
    type: 'mtls',
    certificate: '{secret.bank}',
    caCertificate: Buffer.from(rig.shop.authority).toString('base64'),
  };
  const document = {
    organization: { id: 'acme', name: 'Acme' },
    actions: [{ name: 'Ping', method: 'GET', url: `${rig.shop.origin}/`, auth }],
    ...(certificates === undefined ? {} : { certificates }),
  };
  writeFileSync(path, JSON.stringify(document));
  return cli(['apply', '-f', path, ...options], env);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vg-certificates-'));
  mkdirSync(join(folder, 'tls'));
  rig = await startActionGateway();
});
afterAll(async () => {
  await rig.close();
  await rm(folder, { recursive: true, force: true });
});

describe('certificates in the document of an organization', () => {
  const first = authority.issue({ name: 'first' });
  const inFile = (file: string) => [{ name: 'bank', certificateFile: file, password: placeholder('P12_PASSWORD') }];
  const env = { P12_PASSWORD: password };

  it('are read by the command line, kept, presented to the target, and change nothing the second time', async () => {
    const file = writeP12('bank.p12', first);
    const made = await apply(inFile(file), [], env);
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.out).toContain('+ certificate bank');
    const again = await apply(inFile(file), [], env);
    expect(again.out).toContain('acme: 0 created, 0 changed, 3 unchanged, 0 removed');
    const run = await rig.call('POST', '/v1/actions/ping/execute', {});
    expect(run.body).toMatchObject({ success: true });
    const listed = await rig.call('GET', '/v1/certificates');
    expect(listed.body).toMatchObject({ items: [{ name: 'bank', subject: 'CN=first', usedBy: ['ping'] }] });
  });

  it('are the same certificate in whatever file they come', async () => {
    writeFileSync(join(folder, 'tls', 'bank.crt'), first.certificate);
    writeFileSync(join(folder, 'tls', 'bank.key'), first.privateKey);
    const split = await apply([{ name: 'bank', certificateFile: 'tls/bank.crt', keyFile: 'tls/bank.key' }]);
    expect(split.out).toContain('acme: 0 created, 0 changed, 3 unchanged, 0 removed');
  });

  it('are exported without their key, and the export applies to no change once the key is filled in', async () => {
    const exported = await cli(['export', '--org', 'acme', '--json']);
    expect(JSON.parse(exported.out).certificates).toEqual([
      { name: 'bank', certificate: first.certificate, key: placeholder('BANK_KEY') },
    ]);
    writeFileSync(join(folder, 'export.json'), exported.out);
    const filled = await cli(['diff', '-f', join(folder, 'export.json'), '--prune'], { BANK_KEY: first.privateKey });
    expect([filled.code, filled.out]).toEqual([0, expect.stringContaining('0 created, 0 changed, 3 unchanged')]);
  });

  it('are replaced by another one, which the next call presents', async () => {
    const renewed = await apply(inFile(writeP12('new.p12', authority.issue({ name: 'second' }))), [], env);
    expect(renewed.out).toMatch(/~ certificate bank \(.*certificateChain.*\)/);
    const listed = await rig.call('GET', '/v1/certificates');
    expect(listed.body).toMatchObject({ items: [{ name: 'bank', subject: 'CN=second' }] });
    expect((await rig.call('POST', '/v1/actions/ping/execute', {})).body).toMatchObject({ success: true });
  });

  it('stay when the document leaves them out, and go with --prune', async () => {
    expect((await apply(undefined)).out).toContain('3 unchanged, 0 removed');
    expect((await apply(undefined, ['--prune'])).out).toContain('- certificate bank');
    expect((await rig.call('GET', '/v1/certificates')).body).toMatchObject({ items: [] });
  });

  it.each([
    [
      'a wrong password',
      () => [{ name: 'bank', certificateFile: 'tls/bank.p12', password: 'x' }],
      'certificates[0].password: the password does not open the file',
    ],
    [
      'a missing password',
      () => [{ name: 'bank', certificateFile: 'tls/bank.p12' }],
      'certificates[0].password: the file is encrypted; its password is required',
    ],
    [
      'another key',
      () => [{ name: 'bank', certificate: first.certificate, key: authority.issue({ name: 'x' }).privateKey }],
      'certificates[0].key: the private key does not belong to the certificate',
    ],
    [
      'no key',
      () => [{ name: 'bank', certificateFile: 'tls/bank.crt' }],
      'certificates[0].key: the file holds no private key; upload the key with the certificate',
    ],
    ['no certificate', () => [{ name: 'bank', certificate: 'nothing of the kind' }], 'certificates[0].certificate: '],
    [
      'a name that stands twice',
      () => [1, 2].map(() => ({ name: 'bank', certificate: first.certificate, key: first.privateKey })),
      'certificates[1]: repeats "bank"',
    ],
    [
      'a name that no action can write',
      () => [{ name: 'a b', certificate: first.certificate }],
      'certificates[0].name: must be',
    ],
    [
      'a file that is not there',
      () => [{ name: 'bank', certificateFile: 'tls/none.p12' }],
      'certificates[0].certificateFile: names tls/none.p12, which does not exist',
    ],
    [
      'a folder for a file',
      () => [{ name: 'bank', certificateFile: 'tls' }],
      'certificates[0].certificateFile: names tls, which cannot be read (EISDIR)',
    ],
    [
      'both',
      () => [{ name: 'bank', certificate: 'x', certificateFile: 'tls/bank.crt' }],
      'certificates[0].certificateFile: cannot stand beside certificate',
    ],
    [
      'an unset variable',
      () => inFile('tls/bank.p12'),
      'certificates[0].password: needs the environment variable P12_PASSWORD',
    ],
  ])('%s is a fault with a path, and nothing changes', async (_what, certificates, sentence) => {
    const refused = await apply(certificates());
    expect([refused.code, refused.err]).toEqual([6, expect.stringContaining(sentence)]);
    expect(refused.err).not.toContain('PRIVATE KEY');
    expect((await rig.call('GET', '/v1/certificates')).body).toMatchObject({ items: [] });
  });

  it('the gateway itself reads no file and no environment', async () => {
    const put = (certificate: object) =>
      rig.call<{ details: { path: string; message: string }[] }>('PUT', '/v1/organizations/acme/document', {
        organization: { id: 'acme' },
        certificates: [{ name: 'bank', ...certificate }],
      });
    const file = await put({ certificate: 'x', certificateFile: '/etc/hostname' });
    expect(file.body.details).toMatchObject([
      { path: 'certificates[0].certificateFile', message: expect.stringContaining('is read by voice-gateway apply') },
    ]);
    const unfilled = await put({ certificate: first.certificate, key: placeholder('BANK_KEY') });
    expect(unfilled.body.details).toMatchObject([
      { path: 'certificates[0].key', message: expect.stringContaining('unreplaced $NAME') },
    ]);
  });
});
