import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkMediaAddress } from './app/check-addresses.js';
import { type Config, readConfig } from './app/config.js';
import { readConfigFile } from './app/config-file.js';
import { configSecrets } from './app/config-secrets.js';
import { packageRoot } from './core/entry-path.js';
import { GatewayError } from './core/errors.js';
import { createRedactor } from './core/redaction.js';
import { createLogger } from './platform/telemetry/index.js';

/** Prints one sentence and ends: a start that cannot work is no stack trace. */
const refuse = (error: unknown): never => {
  const known = error instanceof GatewayError;
  process.stderr.write(`voice-gateway cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  if (!known && error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
  process.exit(1);
};

// A look into the real environment leaves JavaScript each time, and drachtio-srf looks once for every header it reads.
process.env = { ...process.env };

const configure = (): Config => {
  try {
    return readConfig({ env: process.env, file: readConfigFile(process.env), cwd: process.cwd() });
  } catch (error) {
    return refuse(error);
  }
};

const config = configure();
const { version } = JSON.parse(readFileSync(join(packageRoot(import.meta.url), 'package.json'), 'utf8')) as {
  version: string;
};
const redactor = createRedactor(configSecrets(config));
const log = createLogger({
  ...{ level: config.logLevel, omitPii: config.logPii === 'omit' },
  ...{ base: { version }, redactor },
});

process.on('uncaughtException', (error) => {
  // The state after an unknown fault is unknown: Redis and the other instances can go on without this process.
  log.error({ err: error }, 'an unexpected fault ends the gateway');
  process.exit(1);
});
process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'a promise was rejected and nobody took it'));

const begun = performance.now();
try {
  await checkMediaAddress(config);
  // Loaded when it is clear that there will be a gateway: a configuration that is refused is told at once.
  const { startGateway } = await import('./app/gateway.js');
  const gateway = await startGateway({ config, env: process.env, log, redactor, version });

  let signals = 0;
  const finish = async (code: number): Promise<void> => {
    await gateway.stop();
    log.info({}, 'the gateway has ended');
    process.exit(code);
  };
  const onSignal = (signal: 'SIGTERM' | 'SIGINT'): void => {
    signals += 1;
    log.info(
      { signal },
      signal === 'SIGTERM' && signals === 1
        ? 'the gateway takes no new calls and waits for those there are'
        : 'the gateway ends now',
    );
    if (signals > 2) process.exit(1);
    if (signal === 'SIGTERM' && signals === 1) void gateway.drain().then(() => finish(0));
    else void finish(0);
  };
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  process.on('SIGINT', () => onSignal('SIGINT'));
  process.on('SIGHUP', () => {
    gateway.reloadProfiles().then(
      () => log.info({}, 'the SIP profiles were read again'),
      (error: unknown) => log.error({ err: error }, 'the SIP profiles could not be read again; those in force stay'),
    );
  });
  void gateway.failed.then((error) => {
    log.error({ err: error }, 'the SIP engine has ended, so the gateway ends');
    void finish(1);
  });

  log.info(
    { http: gateway.httpUrl, sip: gateway.sipEndpoints, startMs: Math.round(performance.now() - begun) },
    'the gateway is ready',
  );
  if (gateway.access.adminTokenCreated) {
    const { adminTokenPath } = gateway.access;
    const link = await gateway.consoleLink(readFileSync(adminTokenPath, 'utf8').trim());
    process.stderr.write(`\nThe admin token of this gateway is in ${adminTokenPath}\n`);
    process.stderr.write(`The console, signed in by this link, once, within 15 minutes:\n  ${link}\n`);
  }
  if (gateway.empty) {
    const port = /^udp\/.*:(\d+)$/.exec(gateway.sipEndpoints.find((each) => each.startsWith('udp/')) ?? '')?.[1];
    const host = port === undefined || port === '5060' ? '127.0.0.1' : `127.0.0.1:${port}`;
    process.stderr.write(
      '\nThere is no organization yet. In another terminal:\n' +
        '  npx voice-gateway apply -f examples/org.yaml\n' +
        `  npx voice-gateway call sip:+14155550100@${host} --dtmf 1\n\n`,
    );
  }
} catch (error) {
  refuse(error);
}
