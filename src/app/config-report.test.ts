import { expect, it } from 'vitest';
import { configReport } from './config-report.js';

const of = (env: Record<string, string>, file: unknown = null) => {
  const report = configReport({ env, file, cwd: '/' });
  const setting = (name: string) => report.settings.find((each) => each.name === name);
  return { ...report, setting };
};

it('the environment wins over the file, the file over the default, and an empty variable counts for nothing', () => {
  const { setting, faults, config } = of(
    { LOG_LEVEL: 'debug', RTP_ADDRESS: '' },
    { logLevel: 'warn', rtp: { workers: 3 } },
  );
  expect(faults).toEqual([]);
  expect(config?.logLevel).toBe('debug');
  expect(setting('LOG_LEVEL')).toMatchObject({ value: 'debug', source: 'environment' });
  expect(setting('rtp.workers')).toMatchObject({ value: '3', source: 'gateway.yaml', fault: null });
  expect(setting('RTP_ADDRESS')).toMatchObject({ value: '127.0.0.1', source: 'default' });
  expect(setting('TWILIO_AUTH_TOKEN')).toMatchObject({ value: null, source: 'not set' });
});

it('credentials are never shown, those within an address neither', () => {
  const secrets = {
    REDIS_URL: 'redis://gateway:canary@redis.example:6379/0',
    ENCRYPTION_KEYS: `k:${'A'.repeat(42)}canary=`,
    DASHBOARD_JWT_SECRET: 'canary',
    DRACHTIO_SECRET: 'canary',
    TWILIO_AUTH_TOKEN: 'canary',
    LIVEKIT_API_SECRET: 'canary',
  };
  const { settings, setting } = of(secrets, { drachtio: { secret: 'canary' } });
  expect(JSON.stringify(settings)).not.toContain('canary');
  expect(setting('REDIS_URL')?.value).toBe('redis://gateway:••••••••@redis.example:6379/0');
});

it('a fault stands at its setting, a contradiction at the setting it names, the rest by itself', () => {
  const bad = of({ RTP_PORTS: 'x' }, { sip: { listen: ['udp'] }, nonsense: 1 });
  expect(bad.config).toBeNull();
  expect(bad.setting('RTP_PORTS')?.fault).toContain('is not a port range');
  expect(bad.setting('SIP_LISTEN')?.fault).toContain('udp:host:port');
  expect(bad.faults).toMatchObject([{ message: expect.stringContaining('nonsense') }]);
  const both = of({ DASHBOARD_JWT_SECRET: 's', DASHBOARD_JWKS_URL: 'https://id.example/jwks' });
  expect(both.setting('DASHBOARD_JWT_SECRET')?.fault).toContain('use one of them');
  expect(both.setting('DASHBOARD_JWT_SECRET')?.fault).not.toContain('https://');
});
