import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/core/entry-path.js';
import { type EngineHandle, startEngineInWorker } from '../../src/telephony/sip-engine/index.js';
import { type ComposeService, composeServices, exampleEnvironment } from '../support/compose-file.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { endedSession } from '../support/listed-sessions.js';
import { hasLiveKitServer, type LiveKitTestServer, startLiveKitServer } from '../support/livekit-server.js';
import { organization } from '../support/organization.js';
import { freePort, rtpRange } from '../support/ports.js';
import { runSipp } from '../support/sipp.js';
import { expectMessage, inDialog, invite, scenario } from '../support/sipp-scenario.js';
import { until } from '../support/until.js';
import { untilBound } from '../support/until-bound.js';

/** The processes of docker-compose.yml, started directly with the commands and the environment it gives them. */
const root = packageRoot(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'vg-compose-'));
const children: ChildProcess[] = [];
let engine: EngineHandle | null = null;
let livekit: LiveKitTestServer | null = null;
const gateways: TestGateway[] = [];
let services: Readonly<Record<string, ComposeService>> = {};
let env: Readonly<Record<string, string>> = {};

/** drachtio-server as a program of this machine; the embedded engine takes its place otherwise. */
const drachtioProgram = process.env.TEST_DRACHTIO_PROGRAM;
if (drachtioProgram === undefined) {
  console.info(
    'The drachtio service of docker-compose.yml is played by the embedded engine: TEST_DRACHTIO_PROGRAM is not set',
  );
}

const noLiveKit = { LIVEKIT_URL: '', LIVEKIT_API_KEY: '', LIVEKIT_API_SECRET: '' };

const run = (command: readonly string[], environment: Readonly<Record<string, string>>): ChildProcess => {
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: folder,
    env: { PATH: process.env.PATH, ...environment },
    stdio: 'ignore',
  });
  children.push(child);
  return child;
};
const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
};

/** As a container has it: user 1000, no privileges, nothing writable but the data volume. Null where that cannot be had. */
const asInContainer = (dataDir: string): readonly string[] | null => {
  const script =
    'mount --bind "$0" "$0" && mount -o remount,bind,ro / && ' +
    'exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set -all -- "$@"';
  const command = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, dataDir];
  const probe = [...command, process.execPath, '-e', `require('fs').accessSync(${JSON.stringify(join(root, 'dist'))})`];
  return spawnSync(probe[0] ?? '', probe.slice(1)).status === 0 ? command : null;
};

const startDrachtio = async (): Promise<void> => {
  const { command = [], environment = {} } = services.drachtio ?? {};
  if (drachtioProgram !== undefined) {
    const file = join(folder, 'drachtio.conf.xml');
    writeFileSync(
      file,
      '<drachtio><admin port="9022" secret="cymru">127.0.0.1</admin><sip><contacts/></sip></drachtio>',
    );
    run([drachtioProgram, '-f', file, ...command.slice(1)], environment);
  } else {
    const contact = command[command.indexOf('--contact') + 1] ?? '';
    const [, address = '', port = '', transports = ''] = /^sip:(.+):(\d+);transport=(.+)$/.exec(contact) ?? [];
    engine = await startEngineInWorker({
      listen: transports
        .split(',')
        .map((transport) => ({ transport: transport as 'udp' | 'tcp', address, port: Number(port) })),
      forgetDialogs: true,
      admin: {
        host: environment.DRACHTIO_ADMIN_ADDRESS ?? '',
        port: Number(environment.DRACHTIO_ADMIN_TCP_PORT),
        secret: environment.DRACHTIO_SECRET ?? '',
      },
    });
  }
  await untilBound(Number(env.DRACHTIO_PORT), '127.0.0.1', 'tcp');
};

/** The service's own health check, run on this machine. */
const isHealthy = (name: string): boolean => {
  const { healthcheck, environment } = services[name] ?? {};
  const [kind, ...test] = healthcheck?.test ?? [];
  const command = kind === 'CMD-SHELL' ? ['sh', '-c', test[0] ?? ''] : test;
  const options = { cwd: root, env: { PATH: process.env.PATH, ...environment } };
  return spawnSync(command[0] ?? '', command.slice(1), options).status === 0;
};

beforeAll(async () => {
  const [range, second] = [rtpRange(), rtpRange()];
  const filledIn = Object.fromEntries(exampleEnvironment().required.map((name) => [name, `test-${name}`]));
  env = {
    ...filledIn,
    ...{ SIP_ADDRESS: '127.0.0.1', SIP_PUBLIC_ADDRESS: '127.0.0.1', RTP_PUBLIC_ADDRESS: '127.0.0.1' },
    ...{ RTP_ADDRESS: '127.0.0.1', RTP_PORTS: `${range.from}-${range.to}` },
    PUBLIC_URL: 'https://gateway.test',
    DASHBOARD_JWT_SECRET: 'a secret of the dashboard, long enough for HS256',
    ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    SIP_PORT: String(await freePort()),
    REDIS_PORT: String(await freePort()),
    DRACHTIO_PORT: String(await freePort()),
    HTTP_LISTEN: `127.0.0.1:${await freePort()}`,
    // The profile `scale`:
    HTTP_LISTEN_2: `127.0.0.1:${await freePort()}`,
    RTP_PORTS_2: `${second.from}-${second.to}`,
  };
  if (hasLiveKitServer()) {
    livekit = await startLiveKitServer();
    env = { ...env, ...livekit.env };
  }
  services = composeServices(env);
  const redis = services.redis ?? {};
  run(redis.command ?? [], redis.environment ?? {});
  await until('a healthy redis', async () => isHealthy('redis'));
  await startDrachtio();
}, 60_000);
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await engine?.close();
  await livekit?.stop();
  await Promise.all(children.map(end));
  rmSync(folder, { recursive: true, force: true });
});

/** A gateway of the file, in the conditions of its container. */
const startService = async (name: string): Promise<TestGateway> => {
  const dataDir = join(folder, name);
  mkdirSync(dataDir);
  if (process.getuid?.() === 0) chownSync(dataDir, 1000, 1000);
  const through = asInContainer(dataDir);
  if (through === null)
    console.info('The gateway runs as this user with a writable root: user 1000 or a read-only root cannot be had');
  const { DATA_DIR: _volume, ...environment } = services[name]?.environment ?? {};
  const gateway = await startGateway({
    dataDir,
    httpPort: Number(environment.HTTP_LISTEN?.split(':')[1]),
    // A gateway that is told of a LiveKit that is not there is not ready, and rightly so.
    env: { ...env, ...environment, ...(livekit === null ? { ...noLiveKit } : {}) },
    ...(through === null ? {} : { through }),
  });
  gateways.push(gateway);
  return gateway;
};

it('the services of docker-compose.yml take calls together, and a gateway that ends leaves them to the other', {
  timeout: 120_000,
}, async () => {
  chmodSync(folder, 0o755);
  const [gateway, second] = await Promise.all([startService('gateway'), startService('gateway-2')]);
  for (const name of ['redis', 'drachtio', 'gateway', 'gateway-2']) expect(isHealthy(name), name).toBe(true);
  await gateway.apply(organization([{ wait: 300 }]));
  // A proxy brings the world to this listener on loopback: it is believed whom it stands for, and metrics are not for all.
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  for (const path of ['/metrics', '/v1/sessions']) {
    expect((await fetch(`${gateway.httpUrl}${path}`, { headers })).status).toBe(401);
  }
  expect((await second.api('/metrics')).status).toBe(200);
  await gateway.waitForLog(({ remote }) => remote === '203.0.113.9', 30_000);
  const call = async (): Promise<void> => {
    const result = await runSipp({
      target: `127.0.0.1:${env.SIP_PORT}`,
      scenario: scenario(
        invite(),
        expectMessage(100, { optional: true }),
        expectMessage(200),
        inDialog('ACK', 1),
        inDialog('BYE', 2),
        expectMessage(200),
      ),
    });
    expect(result, result.errors).toMatchObject({ code: 0 });
  };
  // In turn, so two of them reach both gateways.
  await call();
  await call();
  const taken = (each: TestGateway): number => each.log().filter(({ msg }) => msg === 'a call arrived').length;
  await until('a call at each', () => taken(gateway) === 1 && taken(second) === 1, 20_000);
  expect(await endedSession(gateway)).toMatchObject({ endReason: 'caller-hangup' });
  gateway.signal('SIGTERM');
  expect(await gateway.exited).toEqual({ code: 0, signal: null });
  expect(isHealthy('gateway')).toBe(false);
  await call();
  await call();
  await until('both calls at the other', () => taken(second) === 3, 20_000);
  expect(isHealthy('gateway-2')).toBe(true);
});
