import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { environment, httpLoopback, readConfig } from '../../src/app/config.js';
import { packageRoot } from '../../src/core/entry-path.js';
import { type ComposeService, composeServices, composeVariables, exampleEnvironment } from '../support/compose-file.js';
import { type LinterRun, runLinter } from '../support/linters.js';

const root = packageRoot(import.meta.url);
const { required, optional } = exampleEnvironment();
const filledIn = Object.fromEntries(required.map((name) => [name, name.endsWith('ADDRESS') ? '127.0.0.1' : 'x1']));

describe('.env.example', () => {
  it('has every setting of the gateway and of docker-compose.yml, and no other', () => {
    const known = [...Object.keys(environment), ...composeVariables()];
    expect([...required, ...optional].sort()).toEqual([...new Set(known)].sort());
  });

  it('asks for exactly what cannot be left out', () => {
    for (const name of required.filter((each) => composeVariables().has(each))) {
      expect(() => composeServices({ ...filledIn, [name]: '' })).toThrow(`${name} is needed`);
    }
    expect(() => composeServices(filledIn)).not.toThrow();
  });
});

describe('docker-compose.yml', () => {
  const services = composeServices(filledIn);

  it('brings the gateway and everything it works with', () => {
    expect(Object.keys(services).sort()).toEqual([
      ...['drachtio', 'gateway', 'gateway-2', 'grafana', 'homer', 'homer-capture', 'homer-db', 'jaeger'],
      ...['livekit', 'prometheus', 'redis', 'rtpengine'],
    ]);
    const always = Object.entries(services).filter(([, service]) => service.profiles === undefined);
    expect(always.map(([name]) => name).sort()).toEqual(['drachtio', 'gateway', 'livekit', 'redis']);
  });

  // Homer's page writes its configuration into its own folder; its capture agent and Jaeger have no shell to be asked with.
  const writes = ['homer'];
  const unwatched = ['homer', 'homer-capture', 'jaeger'];

  it.each(Object.entries(services))('%s has no privileges, a read-only root and a health check', (name, service) => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.read_only).toBe(!writes.includes(name));
    if (!writes.includes(name)) expect(Number(service.user?.split(':')[0])).toBeGreaterThan(0);
    expect(service.healthcheck !== undefined).toBe(!unwatched.includes(name));
    // Ours are built here; Homer's tags are the operator's choice.
    const ours = service.image?.startsWith('voice-gateway') === true || name.startsWith('homer');
    if (!ours || name === 'homer-db') expect(service.image).toMatch(/:v?\d+(\.\d+)*(-alpine)?$/);
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) expect(existsSync(join(root, source)), source).toBe(true);
    }
  });

  it('binds to loopback whatever is not for carriers', () => {
    const text = JSON.stringify(services, (key, value) => (key === 'RTP_ADDRESS' ? undefined : value));
    expect(text).not.toContain('0.0.0.0');
  });

  it('gives Prometheus the token /metrics asks for, since others reach the gateway through the proxy', () => {
    const given = { ...filledIn, METRICS_TOKEN: 'the token' };
    const { gateway, prometheus } = composeServices(given);
    const { HTTP_LISTEN = '', HTTP_TRUSTED_PROXIES = '' } = gateway?.environment ?? {};
    const env = { PUBLIC_URL: 'https://voice.example.com', HTTP_LISTEN, HTTP_TRUSTED_PROXIES };
    const config = readConfig({ env, file: null, cwd: '/' });
    expect(httpLoopback(config)).toBe(false);
    expect(config.http.trustedProxies?.map(({ text }) => text)).toEqual(['127.0.0.1', '::1']);
    const { scrape_configs } = parse(readFileSync(join(root, 'deploy/prometheus/compose.yaml'), 'utf8')) as {
      scrape_configs: { job_name: string; authorization?: { credentials_file: string } }[];
    };
    const file = scrape_configs.find((job) => job.job_name === 'voice-gateway')?.authorization?.credentials_file ?? '';
    expect(file).toMatch(/^\/tmp\//);
    const folder = mkdtempSync(join(tmpdir(), 'vg-prometheus-'));
    try {
      writeFileSync(join(folder, 'prometheus'), '#!/bin/sh\ncat "$TOKEN_FILE"; stat -c " %a $*" "$TOKEN_FILE"\n', {
        mode: 0o755,
      });
      const start = (service: ComposeService | undefined) => {
        const words = [...(service?.entrypoint ?? []), ...(service?.command ?? [])];
        const [program = '', ...args] = words.map((word) => word.replaceAll(file, join(folder, 'token')));
        const variables = { PATH: `${folder}:${process.env.PATH}`, TOKEN_FILE: join(folder, 'token') };
        return spawnSync(program, args, { env: { ...variables, ...service?.environment }, encoding: 'utf8' });
      };
      expect(start(prometheus).stdout).toBe(`the token 600 ${prometheus?.command?.join(' ')}\n`);
      const without = start(services.prometheus);
      expect([without.status === 0, without.stdout]).toEqual([false, '']);
      expect(without.stderr).toContain('is needed, see .env.example');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const compose = [['docker', 'compose'], ['docker-compose']].find(
    ([program = '', ...args]) => runLinter(program, [...args, 'version']).status === 0,
  );
  if (compose === undefined) {
    console.info(
      '`docker compose config` is not run: no docker compose on this machine, which scripts/linters.sh installs',
    );
  }
  describe.skipIf(compose === undefined)('to docker compose', { timeout: 60_000 }, () => {
    /** The file beside a `.env` of these settings, as compose understands it. */
    const config = (settings: Readonly<Record<string, string>>, ...args: readonly string[]): LinterRun => {
      const folder = mkdtempSync(join(tmpdir(), 'vg-compose-'));
      try {
        copyFileSync(join(root, 'docker-compose.yml'), join(folder, 'docker-compose.yml'));
        const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
        writeFileSync(join(folder, '.env'), lines.join(''), { mode: 0o600 });
        const [program = '', ...before] = compose ?? [];
        return runLinter(program, [...before, ...args, 'config', '--format', 'json'], { cwd: folder });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    };
    type Understood = { readonly services: Readonly<Record<string, ComposeService>> };
    const profiles = [...new Set(Object.values(services).flatMap((service) => service.profiles ?? []))];

    it('says with every profile what these tests read in it', () => {
      const settings = { ...filledIn, SIP_PORT: '5070', HOMER_TAG: '11' };
      const ours = composeServices(settings);
      const { status, stdout, stderr } = config(settings, ...profiles.flatMap((profile) => ['--profile', profile]));
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const theirs = (JSON.parse(stdout) as Understood).services;
      expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort());
      for (const [name, { entrypoint, command, environment: variables, image, user }] of Object.entries(ours)) {
        const { [name]: service } = theirs;
        // It writes what it understands so that it would understand the same again.
        expect(service?.entrypoint ?? undefined, name).toEqual(entrypoint?.map((word) => word.replaceAll('$', '$$$$')));
        expect(service?.command ?? undefined, name).toEqual(command);
        expect({ image: service?.image, user: service?.user }, name).toEqual({ image, user });
        if (variables !== undefined) expect(service?.environment, name).toMatchObject(variables);
      }
      expect(theirs.gateway?.environment).toMatchObject(settings);
    });

    it('has each profile to itself', () => {
      const named = (...args: string[]) =>
        Object.keys((JSON.parse(config(filledIn, ...args).stdout) as Understood).services);
      const always = Object.entries(services).filter(([, service]) => service.profiles === undefined);
      expect(named().sort()).toEqual(always.map(([name]) => name).sort());
      for (const profile of profiles) expect(named('--profile', profile).length).toBeGreaterThan(always.length);
    });

    it('does not start without what it needs', () => {
      const { status, stderr } = config({});
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/is needed, see \.env\.example/);
    });
  });
});
