import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../program.js';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'vg-config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const run = async (args: readonly string[], env: Record<string, string> = {}) => {
  const sink = { out: '', err: '' };
  const status = await runCli(['config', 'check', ...args], {
    env: { PATH: process.env.PATH ?? '', DATA_DIR: dir, ...env },
    cwd: dir,
    out: (text) => {
      sink.out += text;
    },
    err: (text) => {
      sink.err += text;
    },
    readStdin: async () => '',
    signal: new AbortController().signal,
  });
  return { status, ...sink };
};

it('says what is set, by whom and what it is for; with status 0 when a start would work', async () => {
  writeFileSync(join(dir, 'gateway.yaml'), 'limits: { maxCalls: 7 }\ntwilio: { accountSid: AC1, authToken: canary }\n');
  const { status, out, err } = await run(['--all'], { LOG_LEVEL: 'warn', REDIS_URL: '' });
  expect([status, err]).toEqual([0, '']);
  expect(out).toMatch(/^ok {2,}LOG_LEVEL +warn +environment +lowest level that is logged/m);
  expect(out).toMatch(/^ok {2,}limits\.maxCalls +7 +gateway\.yaml +calls at once/m);
  expect(out).toMatch(/^ok {2,}TWILIO_AUTH_TOKEN +•+ +gateway\.yaml/m);
  expect(out).toMatch(/^ok {2,}HTTP_LISTEN +127\.0\.0\.1:8080 +default +API and console/m);
  expect(out).not.toContain('canary');
});

it('names what is wrong, of the settings and of the files they name, and ends with status 6', async () => {
  writeFileSync(join(dir, 'gateway.yaml'), 'limts: {}\n');
  const { status, out, err } = await run([], { RTP_PORTS: 'many' });
  expect(status).toBe(6);
  expect(out).not.toContain('HTTP_LISTEN');
  expect(out).toMatch(/^FAIL {2,}RTP_PORTS +many +environment +"many" is not a port range/m);
  expect(err).toMatch(/^2 things are wrong: the gateway would not start\.\n/);
  expect(err).toContain('limts');
  rmSync(join(dir, 'gateway.yaml'));
  const files = await run(['--json'], {
    ...{ SIP_LISTEN: 'tls:127.0.0.1:5061', SIP_TLS_CERT: 'none.pem', SIP_TLS_KEY: 'none.pem' },
    ...{ SIP_PROFILES: join(dir, 'nowhere'), RTP_ADDRESS: '192.0.2.7', ENCRYPTION_KEYS: 'k:short' },
  });
  expect(files.status).toBe(6);
  expect(JSON.parse(files.out).faults.map(({ path }: { path: string }) => path)).toEqual([
    ...['RTP_ADDRESS', '', 'SIP_TLS_CERT'],
    expect.stringContaining(''),
  ]);
  expect(files.err).toContain('The folder of SIP profiles');
  expect(files.err).toContain('ENCRYPTION_KEYS');
  expect(files.err).not.toContain('k:short');
});
