import { describe, expect, it } from 'vitest';
import { isGatewayError } from '../core/errors.js';
import { environment, httpLoopback, loopbackOnly, readConfig } from './config.js';

const read = (env: Record<string, string> = {}, file: unknown = null) => readConfig({ env, file, cwd: '/somewhere' });

const faultsOf = (env: Record<string, string>, file: unknown = null): string => {
  try {
    read(env, file);
  } catch (error) {
    if (isGatewayError(error, 'config_invalid')) return error.message;
    throw error;
  }
  return 'no fault';
};

describe('configuration', () => {
  it('needs nothing: the defaults listen on loopback alone', () => {
    const config = read();
    expect(config.dataDir).toBe('/somewhere/data');
    expect(config.http).toEqual({ listen: { host: '127.0.0.1', port: 8080 }, publicUrl: 'http://127.0.0.1:8080' });
    expect(config.sip.listen).toEqual([
      { transport: 'udp', host: '127.0.0.1', port: 5060 },
      { transport: 'tcp', host: '127.0.0.1', port: 5060 },
    ]);
    expect(config.rtp.ports).toEqual({ from: 20_000, to: 29_999 });
    expect(loopbackOnly(config)).toBe(true);
  });

  it('lets the environment win over the file', () => {
    const file = { sip: { listen: ['udp:127.0.0.1:5070'], domain: 'sip.acme.test' }, logLevel: 'debug' };
    const config = read({ SIP_LISTEN: 'udp:127.0.0.1:5080' }, file);
    expect(config.sip.listen).toEqual([{ transport: 'udp', host: '127.0.0.1', port: 5080 }]);
    expect(config.sip.domain).toBe('sip.acme.test');
    expect(config.logLevel).toBe('debug');
  });

  it('reads IPv6 listen addresses in brackets', () => {
    expect(read({ SIP_LISTEN: 'udp:[::1]:5060', HTTP_LISTEN: '[::1]:8080' }).http.publicUrl).toBe('http://[::1]:8080');
  });

  it.each([
    [{ HTTP_LISTEN: '8080' }, 'HTTP_LISTEN: "8080" is not host:port'],
    [
      { SIP_LISTEN: 'ws:127.0.0.1:80' },
      'SIP_LISTEN: "ws:127.0.0.1:80" is not udp:host:port, tcp:host:port or tls:host:port',
    ],
    [{ RTP_PORTS: '30000-20000' }, 'RTP_PORTS: "30000-20000" is not a port range such as 20000-29999'],
    [
      { SIP_LISTEN: 'udp:0.0.0.0:5060' },
      'SIP_LISTEN: listens on every address, so SIP_PUBLIC_ADDRESS must say which one peers shall use',
    ],
    [
      { RTP_ADDRESS: '::' },
      'RTP_ADDRESS: receives on every address, so RTP_PUBLIC_ADDRESS must say which one goes into SDP',
    ],
    [
      { SIP_LISTEN: 'tls:127.0.0.1:5061' },
      'SIP_LISTEN: has a tls: address, so SIP_TLS_CERT and SIP_TLS_KEY must name the certificate and key files',
    ],
    [{ LIVEKIT_URL: 'ws://127.0.0.1:7880' }, 'LIVEKIT_API_KEY: is missing; LIVEKIT_API_SECRET: is missing'],
    [
      { DASHBOARD_JWT_SECRET: 'x', DASHBOARD_JWKS_URL: 'https://idp.test/jwks' },
      'DASHBOARD_JWT_SECRET: is set together with DASHBOARD_JWKS_URL; use one of them',
    ],
    [{ DRACHTIO_HOST: 'a, b:x' }, 'DRACHTIO_HOST: "b:x" is not host, host:port or tls:host:port'],
    [{ DRACHTIO_LISTEN: '9022' }, 'DRACHTIO_LISTEN: "9022" is not host:port or tls:host:port'],
    [
      { DRACHTIO_LISTEN: 'tls:127.0.0.1:9022' },
      'DRACHTIO_LISTEN: is a tls: address, so SIP_TLS_CERT and SIP_TLS_KEY must name the certificate and key files',
    ],
    [
      { DRACHTIO_LISTEN: '127.0.0.1:9022', DRACHTIO_PEERS: '10.0.0.1/8' },
      'DRACHTIO_PEERS: "10.0.0.1/8" is not an address or a CIDR block',
    ],
  ])('refuses %o with a sentence', (env, sentence) => {
    expect(faultsOf(env as unknown as Record<string, string>)).toBe(sentence);
  });

  it('reads one drachtio-server or several, each with its port and transport', () => {
    const { drachtio } = read({
      DRACHTIO_HOST: 'one.test, tls:two.test:9023,[::1]:9024 ,[fe80::1]',
      DRACHTIO_PORT: '9000',
    });
    expect(drachtio?.host).toEqual([
      { transport: 'tcp', host: 'one.test', port: null },
      { transport: 'tls', host: 'two.test', port: 9023 },
      { transport: 'tcp', host: '::1', port: 9024 },
      { transport: 'tcp', host: 'fe80::1', port: null },
    ]);
    expect(drachtio?.port).toBe(9000);
  });

  it('is on loopback alone only while no drachtio-server is set, whichever side connects', () => {
    expect(loopbackOnly(read({ DRACHTIO_SECRET: 's' }))).toBe(true);
    expect(loopbackOnly(read({ DRACHTIO_HOST: '127.0.0.1' }))).toBe(false);
    expect(loopbackOnly(read({ DRACHTIO_LISTEN: '127.0.0.1:9022' }))).toBe(false);
  });

  it.each([
    [{}, true],
    [{ HTTP_LISTEN: '[::1]:8080', PUBLIC_URL: 'http://localhost:8080' }, true],
    [{ PUBLIC_URL: 'http://[::1]:8080' }, true],
    // A proxy on this machine brings others to a listener on loopback.
    [{ PUBLIC_URL: 'https://voice.example.com' }, false],
    [{ PUBLIC_URL: 'https://127.0.0.1.example.com' }, false],
    [{ HTTP_LISTEN: '0.0.0.0:8080', PUBLIC_URL: 'http://127.0.0.1:8080' }, false],
  ])('is reached by this machine alone with %o: %s', (env, expected) => {
    expect(httpLoopback(read(env as unknown as Record<string, string>))).toBe(expected);
  });

  it('reads proxies and names in front of the API', () => {
    const { http } = read({
      HTTP_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
      HTTP_ALLOWED_HOSTS: 'A.voice.svc, voice-gateway',
    });
    expect(http.trustedProxies?.map(({ text }) => text)).toEqual(['10.0.0.0/8', '::1']);
    expect(http.allowedHosts).toEqual(['a.voice.svc', 'voice-gateway']);
    expect(read({}, { http: { allowedHosts: ['a', 'b'] } }).http.allowedHosts).toEqual(['a', 'b']);
    expect(faultsOf({ HTTP_TRUSTED_PROXIES: 'proxy' })).toContain('HTTP_TRUSTED_PROXIES: "proxy" is not an address');
    expect(faultsOf({ HTTP_ALLOWED_HOSTS: 'a:80' })).toBe('HTTP_ALLOWED_HOSTS: "a:80" is not the name of a host');
  });

  it('refuses an external Redis without the keys every instance must share', () => {
    const sentence = faultsOf({ REDIS_URL: 'redis://127.0.0.1:6379' });
    expect(sentence).toContain('ENCRYPTION_KEYS');
    expect(sentence).toContain('DASHBOARD_JWT_SECRET');
  });

  it('refuses an unknown key and names it', () => {
    expect(faultsOf({}, { sip: { listn: 'udp:127.0.0.1:5060' } })).toContain('"listn"');
    expect(faultsOf({}, ['not', 'a', 'mapping'])).toBe('gateway.yaml must be a mapping of settings.');
  });

  it('reads the headers of the trace collector as OpenTelemetry writes them, and repeats none that it refuses', () => {
    const headers = (text: string) => read({ OTEL_EXPORTER_OTLP_HEADERS: text }).traces.headers;
    expect(headers('')).toEqual({});
    expect(headers('api-key=a%20b%3D, x-team = voice')).toEqual({ 'api-key': 'a b=', 'x-team': 'voice' });
    for (const bad of ['canary', 'a b=canary', 'a=canary%0D%0A', 'a=canary%E0']) {
      const said = faultsOf({ OTEL_EXPORTER_OTLP_HEADERS: bad });
      expect(said).toMatch(/^OTEL_EXPORTER_OTLP_HEADERS: must be/);
      expect(said).not.toContain('canary');
    }
  });

  it('has a place in the file for every environment name', () => {
    const file = {
      dataDir: 'd',
      http: {
        ...{ listen: '127.0.0.1:1', publicUrl: 'http://h.test' },
        ...{ trustedProxies: '10.0.0.1', allowedHosts: ['a.test'] },
      },
      sip: {
        listen: 'tls:127.0.0.1:5061',
        domain: 'd',
        publicAddress: 'a',
        tls: { cert: 'c', key: 'k', ca: 'a' },
        profiles: 'p',
      },
      rtp: { address: '127.0.0.1', ports: '1-2', publicAddress: 'a' },
      redis: { url: 'redis://h' },
      drachtio: {
        host: ['h', 'tls:h:1'],
        port: 1,
        secret: 's',
        authorities: 'p',
        listen: '127.0.0.1:1',
        peers: '10.0.0.0/8',
      },
      livekit: { url: 'ws://h', apiKey: 'k', apiSecret: 's' },
      rtpengine: 'h:1',
      twilio: { accountSid: 'a', authToken: 't' },
      dashboard: { jwtSecret: 's' },
      encryptionKeys: 'a:b',
      egress: { allow: '', authorities: 'p' },
      logLevel: 'info',
      logPii: 'omit',
      traces: { endpoint: 'https://h', headers: 'a=b', ratio: 0.5 },
      homer: { address: 'h', port: 1, id: 1, key: 'k' },
    };
    const present = (path: string): boolean =>
      path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], file) !==
      undefined;
    expect(Object.values(environment).filter((path) => !present(path))).toEqual(['dashboard.jwksUrl']);
    expect(() => read({}, file)).not.toThrow();
  });
});
