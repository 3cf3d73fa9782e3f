import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { ReadinessCheck } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import { newToken } from '../core/ids.js';
import type { Logger } from '../core/logger.js';
import type { IncomingCall } from '../domain/calls/ports.js';
import { createEgressPolicy, parseAllowList } from '../platform/egress/index.js';
import {
  createDestinationGuard,
  createSipServer,
  type DestinationGuard,
  type HepSender,
  type Ladder,
  type OwnCalls,
  openHepSender,
  type ProfileRegistry,
  type RejectedCall,
  type RejectionReason,
  type SipServer,
  type SipServerOptions,
} from '../telephony/sip/index.js';
import { type EngineHandle, startEngineInWorker } from '../telephony/sip-engine/index.js';
import { type Config, hasExternalServer, loopbackOnly } from './config.js';
import { isLoopback, type TlsFiles } from './config-values.js';
import type { ShutdownStack } from './shutdown-stack.js';
import { readPem, readTls } from './tls-files.js';

export type SignallingOptions = {
  readonly config: Config;
  readonly profiles: ProfileRegistry;
  readonly ladder: Ladder;
  readonly handler: (call: IncomingCall) => void;
  readonly draining: () => boolean;
  readonly onRejected: (reason: RejectionReason, profile: string | null, call: RejectedCall) => void;
  readonly ownCalls: OwnCalls;
  /** The embedded engine ended by itself: nothing can be received any more. */
  readonly onEngineLost: (error: Error) => void;
  readonly log: Logger;
  readonly clock: Clock;
  readonly stack: ShutdownStack;
};

export type RunningSignalling = {
  readonly server: SipServer;
  readonly engine: EngineHandle | null;
};

/** drachtio-server keeps what it reads in 12,228 bytes and says nothing of messages that do not fit. */
const DRACHTIO_MESSAGE_LIMIT = 12_000;

/** The SIP application on the embedded engine, or on the drachtio-server that is configured. */
export const startSignalling = async (options: SignallingOptions): Promise<RunningSignalling> => {
  const { config, log, clock, stack } = options;
  let server: SipServer | null = null;
  const guard = destinationGuard(config, () => server?.endpoints() ?? []);
  const engine = hasExternalServer(config) ? null : await startEngine(options, guard);
  const running = await createSipServer({
    ...(engine === null
      ? await externalServers(config)
      : { servers: [{ host: '127.0.0.1', port: engine.handle.adminPort, secret: engine.secret }] }),
    profiles: options.profiles,
    handler: options.handler,
    log,
    clock,
    ...(config.sip.domain === undefined ? {} : { domain: config.sip.domain }),
    draining: options.draining,
    onRejected: options.onRejected,
    guard,
    ownCalls: options.ownCalls,
    ladder: options.ladder,
    wireTap: engine !== null,
    dialogsSurviveReconnect: engine !== null,
    ...(engine === null ? { messageLimit: DRACHTIO_MESSAGE_LIMIT } : {}),
  });
  server = running;
  stack.push('SIP application', () => running.close());
  return { server: running, engine: engine?.handle ?? null };
};

/**
 * The rule for SIP destinations (actions.md A6). Where a drachtio-server listens is not for us to set: what it tells is
 * what counts.
 */
const destinationGuard = (config: Config, endpoints: () => readonly string[]): DestinationGuard => {
  const allow = parseAllowList(config.egress.allow);
  const policies = {
    development: createEgressPolicy({ allow, loopbackOnly: true }),
    network: createEgressPolicy({ allow }),
  };
  const onLoopback = (endpoint: string): boolean => /\/(?:127\.[\d.]+|\[?::1\]?):\d+$/.test(endpoint);
  const development = (): boolean => {
    if (!hasExternalServer(config)) return loopbackOnly(config);
    const told = endpoints();
    return isLoopback(config.http.listen.host) && told.length > 0 && told.every(onLoopback);
  };
  return createDestinationGuard((host, address, port) => {
    const { check } = policies[development() ? 'development' : 'network'];
    const verdict = check({ host, port, purpose: 'sip' }, address);
    return verdict.allowed ? null : verdict.reason;
  });
};

/** The drachtio-servers we connect to, and where they connect to us. */
const externalServers = async ({ drachtio, sip }: Config): Promise<Pick<SipServerOptions, 'servers' | 'listen'>> => {
  if (drachtio === undefined) return { servers: [] };
  const { secret, listen, peers } = drachtio;
  const ca =
    drachtio.authorities === undefined ? {} : { ca: await readPem('DRACHTIO_AUTHORITIES', drachtio.authorities) };
  const tls = listen?.tls === true && sip.tls !== undefined ? { tls: await readTls(sip.tls) } : {};
  return {
    servers: (drachtio.host ?? []).map(({ transport, host, port }) => ({
      ...{ host, port: port ?? drachtio.port, secret },
      ...(transport === 'tls' ? { tls: ca } : {}),
    })),
    ...(listen === undefined ? {} : { listen: { host: listen.host, port: listen.port, secret, peers, ...tls } }),
  };
};

const startEngine = async (
  options: SignallingOptions,
  guard: DestinationGuard,
): Promise<{ handle: EngineHandle; secret: string }> => {
  const { config, log, stack } = options;
  const secret = newToken();
  const tls = config.sip.tls === undefined ? null : await readTls(config.sip.tls);
  const engineLog = log.child({ part: 'sip-engine' });
  const homer = openHomer(options);
  const handle = await startEngineInWorker({
    listen: config.sip.listen.map((point) => ({
      transport: point.transport,
      address: addressOf(point.host),
      port: point.port,
    })),
    admin: { host: '127.0.0.1', port: 0, secret },
    ...(config.sip.publicAddress === undefined ? {} : { publicAddress: config.sip.publicAddress }),
    ...(config.sip.domain === undefined ? {} : { contactHost: hostOf(config.sip.domain) }),
    ...(tls === null ? {} : { tls }),
    userAgent: 'voice-gateway',
    permit: async (callId, targets) => guard.judge(callId, targets),
    log: (level, fields, message) => engineLog[level](fields, message),
    tap: (event) => {
      options.ladder.record(event);
      homer?.send(event);
    },
  }).catch((cause: unknown) => {
    // A taken port, a certificate that does not fit its key: the engine says which in one sentence.
    throw new GatewayError('config_invalid', `${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
  });
  stack.push('SIP engine', () => handle.close());
  void handle.failed.then(options.onEngineLost);
  // Whoever has the profiles read again (SIGHUP, the API) has new files to be read.
  const { tls: files } = config.sip;
  if (files !== undefined) options.profiles.onReload(() => void renewCertificates(handle, files, log));
  return { handle, secret };
};

/** Files that cannot be used leave those in force as they are. Never rejects. */
const renewCertificates = async (engine: EngineHandle, files: TlsFiles, log: Logger): Promise<void> => {
  try {
    await engine.renewTls(await readTls(files));
    log.info({}, 'the SIP certificates were read again');
  } catch (error) {
    log.error({ err: error }, 'the SIP certificates could not be read again; those in force stay');
  }
};

/** Null without Homer. A drachtio-server sends to Homer itself. */
const openHomer = ({ config, clock, log, stack }: SignallingOptions): HepSender | null => {
  const { address, port, id, key = null } = config.homer;
  if (address === undefined) return null;
  const agent = { id, node: hostname(), key };
  const { publicAddress = '' } = config.sip;
  const homer = openHepSender({
    ...{ host: address, port, agent, clock },
    ownAddress: isIP(publicAddress) === 0 ? null : publicAddress,
    log: log.child({ part: 'homer' }),
  });
  stack.push('Homer', () => homer.close());
  return homer;
};

/** The host of a domain that may name a port: Contact has the port of the point that a request leaves by. */
const hostOf = (domain: string): string =>
  /^\[(.+)\](?::\d+)?$/.exec(domain)?.[1] ?? /^([^:]+):\d+$/.exec(domain)?.[1] ?? domain;

const addressOf = (host: string): string => {
  if (host === 'localhost') return '127.0.0.1';
  if (isIP(host) !== 0) return host;
  throw new GatewayError('config_invalid', `SIP_LISTEN: "${host}" is a name; listen addresses are IP addresses.`);
};

/** Ready while one SIP server is there; the reason names those that are not. */
export const sipReadiness = (server: Pick<SipServer, 'connected' | 'servers'>): ReadinessCheck => {
  const lost = server.servers().filter(({ connected }) => !connected);
  if (lost.length === 0) return { name: 'sip', ok: server.connected() };
  const names = lost.map(({ name }) => name).join(', ');
  return { name: 'sip', ok: server.connected(), reason: `not connected to the SIP server ${names}` };
};
