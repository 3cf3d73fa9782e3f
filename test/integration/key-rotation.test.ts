import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../../src/cli/program.js';
import { createCertificateAuthority } from '../../src/core/x509.js';
import { type ActionGateway, startActionGateway } from '../support/action-gateway.js';

const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

const cli = async (rig: ActionGateway, ...args: string[]): Promise<{ code: number; out: string; err: string }> => {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env: { VOICE_GATEWAY_URL: rig.gateway.httpUrl, DATA_DIR: rig.gateway.dataDir },
    cwd: rig.gateway.dataDir,
    out: (text) => (out += text),
    err: (text) => (err += text),
    readStdin: async () => '',
    signal: new AbortController().signal,
  });
  return { code, out, err };
};

const valuesOf = async (rig: ActionGateway): Promise<Record<string, number>> => {
  const { body } = await rig.call<{ keys: { id: string; values: number }[] }>('GET', '/v1/keys');
  return Object.fromEntries(body.keys.map((key) => [key.id, key.values]));
};

it('values move to a new key while the gateway runs; the old key is retired when nothing needs it, not before', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'vg-keys-'));
  const [one, two] = [newKey('one'), newKey('two')];
  const begin = (keys: string): Promise<ActionGateway> =>
    startActionGateway({ dataDir, env: { ENCRYPTION_KEYS: keys } });
  const issued = createCertificateAuthority('Clients').issue({ name: 'client' });
  let rig = await begin(one);
  const document = (): unknown => ({
    organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' },
    transferDestinations: [
      {
        id: 'line',
        name: 'Line',
        type: 'sip',
        value: 'sip:a@sip.example.com',
        digest: { username: 'u', password: 'pass-of-the-line' },
      },
    ],
    actions: [
      {
        name: 'Ping',
        method: 'GET',
        url: `${rig.shop.origin}/`,
        auth: {
          type: 'mtls',
          certificate: '{secret.bank}',
          caCertificate: Buffer.from(rig.shop.authority).toString('base64'),
        },
        headers: { 'X-Service-Key': 'literal-key' },
      },
    ],
    variables: { 'X-Tenant': 'tenant-value' },
    secrets: { unused: 'secret-value' },
  });
  try {
    await rig.gateway.apply(document());
    await rig.call('PUT', '/v1/certificates/bank', { certificate: issued.certificate, key: issued.privateKey });
    const url = await rig.call('GET', '/backend/zendesk-v2/voice-prefetch-url');
    // Variable, secret, digest password, credential in the action, private key, key of the webhook address.
    expect(await valuesOf(rig)).toEqual({ one: 6 });
    await rig.close();

    rig = await begin(`${two},${one}`);
    await rig.gateway.apply(document());
    expect(await valuesOf(rig)).toEqual({ two: 0, one: 6 });
    const early = await cli(rig, 'keys', 'retire', 'one');
    expect([early.code, early.err]).toEqual([7, expect.stringContaining('Key "one" is still needed: ')]);
    const dry = await cli(rig, 'keys', 'rotate', '--dry-run');
    expect(dry.out).toContain('6 values would be sealed anew under two; nothing was changed.');
    expect(await valuesOf(rig)).toEqual({ two: 0, one: 6 });

    const rotated = await cli(rig, 'keys', 'rotate');
    expect([rotated.code, rotated.out]).toEqual([0, expect.stringContaining('6 values are sealed anew under two.')]);
    expect(await valuesOf(rig)).toEqual({ two: 6, one: 0 });
    expect((await cli(rig, 'keys', 'retire', 'two')).code).toBe(7);
    expect((await cli(rig, 'keys', 'retire', 'nothing')).code).toBe(5);
    expect((await cli(rig, 'keys', 'retire', 'one')).code).toBe(0);
    await rig.close();

    // The old key is gone, and everything it sealed still opens.
    rig = await begin(two);
    await rig.gateway.apply(document());
    const run = await rig.call('POST', '/v1/actions/ping/execute', {});
    expect(run.body).toMatchObject({ success: true });
    expect(rig.shop.requests[0]?.headers).toMatchObject({ 'x-tenant': 'tenant-value', 'x-service-key': 'literal-key' });
    const again = await rig.call('GET', '/backend/zendesk-v2/voice-prefetch-url');
    const token = (answer: typeof url): string | undefined => String(answer.body.webhookUrl).split('/').at(-1);
    expect(token(again)).toBe(token(url));
  } finally {
    await rig.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 60_000);

it('keys are for operators alone', async () => {
  const rig = await startActionGateway();
  try {
    await rig.gateway.apply({ organization: { id: 'acme', name: 'Acme', defaultCountry: 'US' } });
    const minted = await cli(rig, 'token', '--org', 'acme', '--role', 'admin');
    const headers = { authorization: `Bearer ${minted.out.trim()}` };
    for (const [method, path] of [
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys/rotate'],
      ['DELETE', '/v1/keys/one'],
    ] as const) {
      const { status } = await rig.gateway.api(path, { method, headers, ...(method === 'POST' ? { body: {} } : {}) });
      expect([method, status]).toEqual([method, 403]);
    }
  } finally {
    await rig.close();
  }
});
