import { expect, it } from 'vitest';
import { BULLETS } from '../core/redaction.js';
import { environment } from './config.js';
import { configReport } from './config-report.js';
import { configSecrets, passwordsIn, shownSetting } from './config-secrets.js';

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
    REDIS_URL: 'redis://gateway:canary@redis.example:6379/0,rediss://:canary@b.example:1,redis://c.example/0',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://canary@collector.example/v1',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=canary%20value,x-team=canary',
    HOMER_KEY: 'canary',
    LIVEKIT_URL: 'wss://livekit.example',
    LIVEKIT_API_KEY: 'an identifier',
    ENCRYPTION_KEYS: `k:${'A'.repeat(42)}canary=`,
    DASHBOARD_JWT_SECRET: 'canary',
    DRACHTIO_SECRET: 'canary',
    TWILIO_ACCOUNT_SID: 'AC1',
    TWILIO_AUTH_TOKEN: 'canary',
    LIVEKIT_API_SECRET: 'canary',
  };
  const { settings, setting, config } = of(secrets, { drachtio: { secret: 'canary' } });
  expect(JSON.stringify(settings)).not.toContain('canary');
  expect(setting('REDIS_URL')?.value).toBe(
    'redis://gateway:••••••••@redis.example:6379/0,rediss://:••••••••@b.example:1,redis://c.example/0',
  );
  expect(setting('OTEL_EXPORTER_OTLP_ENDPOINT')?.value).toBe('https://••••••••@collector.example/v1');
  // What is not shown is what the log's redactor is told, and the other way round.
  const told = configSecrets(config ?? {});
  expect(told).toEqual(expect.arrayContaining(['canary', 'canary value', secrets.ENCRYPTION_KEYS]));
  expect(told).not.toContain('an identifier');
  for (const [name, path] of Object.entries(environment)) {
    const given = secrets[name as keyof typeof secrets];
    if (given === undefined || name.endsWith('_URL') || name.endsWith('_ENDPOINT')) continue;
    expect([path, setting(name)?.value === BULLETS]).toEqual([path, given.includes('canary')]);
  }
});

it.each([
  [
    'sentinel://user:canary@a:26379,b:26379/main/0?username=watch&password=canary',
    'sentinel://user:••••••••@a:26379,b:26379/main/0?username=watch&password=••••••••',
    ['canary'],
  ],
  // As people write them who know nothing of percent signs; a start refuses such, and the report must not show them.
  ['redis://:ca/n@ary@host:6379', 'redis://:••••••••@host:6379', ['ca/n@ary']],
  ['redis://:can,ary@a:1,redis://b:2', 'redis://:••••••••@a:1,redis://b:2', ['can,ary']],
  ['redis://:can%40ary@host', 'redis://:••••••••@host', ['can%40ary', 'can@ary']],
  ['https://host/keys?api_key=canary&page=2', 'https://host/keys?api_key=••••••••&page=2', ['canary']],
  ['redis://host:6379/0', 'redis://host:6379/0', []],
  ['localhost|127.0.0.0/8|443', 'localhost|127.0.0.0/8|443', []],
])('of %s is shown %s', (text, shown, passwords) => {
  expect(shownSetting('redis.url', text)).toBe(shown);
  expect(passwordsIn(text).filter((each, at, all) => all.indexOf(each) === at)).toEqual(passwords);
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
