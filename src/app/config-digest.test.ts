import { expect, it } from 'vitest';
import { readConfig } from './config.js';
import { configDigest } from './config-digest.js';

const base = { REDIS_URL: 'redis://:pw@r', ENCRYPTION_KEYS: 'k:x', DASHBOARD_JWT_SECRET: 'x'.repeat(32) };
const digest = (env: Readonly<Record<string, string>>, file: unknown = null): string =>
  configDigest(readConfig({ env: { ...base, ...env }, file, cwd: '/' }));

it.each([
  ['folders', { DATA_DIR: '/other' }],
  ['addresses', { HTTP_LISTEN: '127.0.0.1:9', SIP_LISTEN: 'udp:127.0.0.1:9', SIP_PUBLIC_ADDRESS: '192.0.2.1' }],
  ['sizes of the machine', { RTP_PORTS: '30000-30999' }],
  ['secrets', { REDIS_URL: 'redis://:other@r', ENCRYPTION_KEYS: 'k:y', DASHBOARD_JWT_SECRET: 'y'.repeat(32) }],
])('instances with other %s have the same settings', (_name, env) => {
  expect(digest({ PUBLIC_URL: 'https://a.example', ...env })).toBe(digest({ PUBLIC_URL: 'https://a.example' }));
});

it('what should be the same everywhere shows, wherever it is set, and its order does not', () => {
  const usual = digest({});
  expect(usual).toMatch(/^[0-9a-f]{12}$/);
  expect(digest({ LOG_PII: 'omit' })).not.toBe(usual);
  expect(digest({ EGRESS_ALLOW: '10.0.0.0/8' })).not.toBe(usual);
  expect(digest({ HTTP_TRUSTED_PROXIES: '10.0.0.0/8' })).not.toBe(digest({ HTTP_TRUSTED_PROXIES: '10.0.0.0/9' }));
  expect(digest({}, { logPii: 'omit' })).toBe(digest({ LOG_PII: 'omit' }));
  const limits = (...names: string[]) => ({
    limits: { maxCallsOf: Object.fromEntries(names.map((name) => [name, 1])) },
  });
  expect(digest({}, limits('a', 'b'))).toBe(digest({}, limits('b', 'a')));
  expect(digest({}, limits('a', 'b'))).not.toBe(usual);
});
