import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiDeps } from '../../src/api/deps.js';
import { createApi, type HttpListener, listenHttp, type Route } from '../../src/api/index.js';
import { systemClock } from '../../src/core/clock.js';
import { silentLogger } from '../../src/core/logger.js';
import { createRedactor } from '../../src/core/redaction.js';
import { createDirectoryService, type DirectoryService } from '../../src/domain/directory/index.js';
import {
  createContactStore,
  createSessionStore,
  type OwnedSession,
  type SessionDraft,
  type SessionStoreRuntime,
} from '../../src/domain/sessions/index.js';
import {
  type Access,
  createAccess,
  createAuditTrail,
  type DashboardRole,
  mintDashboardToken,
} from '../../src/platform/access/index.js';
import { connectRedis, createKeptAnswers, type RedisConnection } from '../../src/platform/redis/index.js';
import { createLogger, createMetrics } from '../../src/platform/telemetry/index.js';
import { createVault, parseKeyRing, type Vault } from '../../src/platform/vault/index.js';
import { startTestRedis, type TestRedis } from './redis.js';

/** The API over a real Redis and a real HTTP listener, without telephony: hang-ups and ladders are what the test says. */
export type TestApi = {
  readonly url: string;
  readonly dataDir: string;
  readonly redis: RedisConnection;
  readonly server: TestRedis;
  readonly directory: DirectoryService;
  readonly sessions: SessionStoreRuntime;
  readonly access: Access;
  readonly listener: HttpListener;
  /** Every line of the log. */
  readonly lines: string[];
  readonly hangups: string[];
  readonly ladders: Map<string, { json: unknown; text: string }>;
  readonly adminToken: string;
  readonly jwtSecret: string;
  token(role: DashboardRole, org?: string): Promise<string>;
  session(changes?: Partial<SessionDraft>): Promise<OwnedSession>;
  close(): Promise<void>;
};

export type TestApiParts = {
  readonly deps: ApiDeps;
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly sessions: SessionStoreRuntime;
};

export const startTestApi = async (
  options: Partial<
    Pick<
      ApiDeps,
      | 'rateLimit'
      | 'agentRateLimit'
      | 'httpLoopback'
      | 'loopbackOnly'
      | 'readiness'
      | 'calls'
      | 'tools'
      | 'allowedHosts'
      | 'trustsProxy'
    >
  > & {
    /** Further routes, or what makes them from the parts of the rig. */
    readonly more?: readonly Route[] | ((parts: TestApiParts) => readonly Route[]);
    readonly instanceId?: string;
    readonly onWork?: (orgId: string) => void;
  } = {},
): Promise<TestApi> => {
  const server = await startTestRedis();
  const redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(5_000);
  const dataDir = mkdtempSync(join(tmpdir(), 'vg-api-'));
  const clock = systemClock;
  const jwtSecret = randomBytes(32).toString('base64url');
  const access = createAccess({ dataDir, jwtSecret, jwksUrl: null, sharedStore: false, clock });
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    redactor: createRedactor(access.secrets),
    write: (line) => void lines.push(line),
  });
  const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));
  const directory = await createDirectoryService({ redis, vault, clock, log });
  const sessions = createSessionStore({
    redis,
    instanceId: options.instanceId ?? randomUUID(),
    log: silentLogger,
    ...(options.onWork === undefined ? {} : { onWork: options.onWork }),
  });
  await sessions.start();
  const hangups: string[] = [];
  const ladders = new Map<string, { json: unknown; text: string }>();
  // The listener's port is known only once it is open, and the API wants to know its own address.
  let handler: Parameters<typeof listenHttp>[0] = (_, response) => void response.end();
  const listener = await listenHttp((request, response) => handler(request, response), {
    host: '127.0.0.1',
    port: 0,
    clock,
  });
  const url = `http://127.0.0.1:${listener.port}`;
  const { more, instanceId: _instance, onWork: _held, ...changes } = options;
  const deps: ApiDeps = {
    access,
    audit: createAuditTrail({ redis, log }),
    keptAnswers: createKeptAnswers({ redis, vault, clock, log }),
    directory,
    sessions,
    contacts: createContactStore({ redis }),
    calls: {
      hangup: async (_, id) => void hangups.push(id),
      record: async () => ({ state: 'off', file: null }),
    },
    tools: {
      list: async () => [],
      use: async () => ({ ok: false, fault: { code: 'session_ended', message: 'There is no telephony here.' } }),
    },
    ladders: {
      json: async (_, id) => ladders.get(id)?.json ?? null,
      text: async (_, id) => ladders.get(id)?.text ?? null,
      capture: async () => null,
    },
    readiness: async () => [{ name: 'redis', ok: redis.isUp() }],
    metrics: createMetrics({ processMetrics: false }),
    log,
    clock,
    version: '0.0.0-test',
    configDigest: '0'.repeat(12),
    publicUrl: url,
    httpLoopback: true,
    loopbackOnly: true,
    ...changes,
  };
  handler = createApi(deps, typeof more === 'function' ? more({ deps, redis, vault, sessions }) : more);
  return {
    url,
    dataDir,
    redis,
    server,
    directory,
    sessions,
    access,
    listener,
    lines,
    hangups,
    ladders,
    adminToken: readFileSync(access.adminTokenPath, 'utf8').trim(),
    jwtSecret,
    token: (role, org = 'acme') =>
      mintDashboardToken({
        secret: jwtSecret,
        sub: `${role}@${org}`,
        org: role === 'operator' ? null : org,
        role,
        ttl: 600,
        now: clock.now(),
      }),
    session: (draft = {}) =>
      sessions.create({
        id: randomUUID(),
        orgId: 'acme',
        agentId: 'support',
        direction: 'inbound',
        caller: { e164: '+14155550123', raw: '+14155550123', display: null, withheld: false },
        called: '+14155550100',
        sipCallId: randomUUID(),
        profile: 'local',
        startedAt: clock.now(),
        linkContact: true,
        first: { at: clock.now(), type: 'call.received', data: {} },
        ...draft,
      }),
    async close() {
      await listener.close(500);
      await sessions.stop(500);
      directory.close();
      await redis.close();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};
