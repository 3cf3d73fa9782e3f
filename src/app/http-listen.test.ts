import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readConfig } from './config.js';
import { readConfigFile } from './config-file.js';
import { httpListen } from './http-listen.js';

const folder = mkdtempSync(join(tmpdir(), 'vg-listen-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['the default', '{}', {}],
  ['gateway.yaml', 'http: { listen: "127.0.0.1:9000" }', {}],
  ['the environment before gateway.yaml', 'http: { listen: "127.0.0.1:9000" }', { HTTP_LISTEN: '127.0.0.1:9001' }],
  ['IPv6', 'http: { listen: "[::1]:9002" }', { HTTP_LISTEN: '' }],
  ['every address', 'http: { listen: "0.0.0.0:9003", publicUrl: "https://voice.example.com" }', {}],
])('a health check finds where the gateway listens as a start does: %s', async (_, file, given) => {
  const path = join(folder, 'gateway.yaml');
  writeFileSync(path, file);
  const env = { VOICE_GATEWAY_CONFIG: path, ...given };
  const { listen } = readConfig({ env, file: readConfigFile(env), cwd: folder }).http;
  expect(await httpListen(env)).toEqual(listen);
});

it('a health check finds nothing where a start is refused', async () => {
  expect(await httpListen({ HTTP_LISTEN: '8080' })).toBeUndefined();
});
