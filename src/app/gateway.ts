import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ApiDeps,
  apiKeyRoutes,
  callRoutes,
  createApi,
  eventRoutes,
  executorRoutes,
  listenHttp,
  livekitRoutes,
  mcpRoutes,
  prefetchRoutes,
  transferRoutes,
  webhookRoutes,
} from '../api/index.js';
import { systemClock } from '../core/clock.js';
import { packageRoot } from '../core/entry-path.js';
import { newUuid } from '../core/ids.js';
import type { Logger } from '../core/logger.js';
import type { Redactor } from '../core/redaction.js';
import { createCalls } from '../domain/calls/index.js';
import { createDirectoryService } from '../domain/directory/index.js';
import { createContactStore, createSessionEvents, createSessionStore } from '../domain/sessions/index.js';
import { sealedPrefetchKeys } from '../domain/zendesk/index.js';
import { type Access, createApiKeys, createAuditTrail, createConsoleSessions } from '../platform/access/index.js';
import { createCommandBus, createKeptAnswers } from '../platform/redis/index.js';
import { createMetrics } from '../platform/telemetry/index.js';
import { redisRingChecks } from '../platform/vault/index.js';
import { createSpeaker } from '../telephony/agents/builtin/index.js';
import { createMediaPlane } from '../telephony/media/index.js';
import { createLadder, openProfiles } from '../telephony/sip/index.js';
import { openAccess } from './access.js';
import { actionChecks } from './action-catalogue.js';
import { startActions } from './actions.js';
import { createAgents } from './agents.js';
import { createCallControl, ladderReader } from './call-control.js';
import { callMetrics, gatewayGauges } from './call-metrics.js';
import { type Config, callLimits } from './config.js';
import { configDigest } from './config-digest.js';
import { drainCalls } from './drain.js';
import { httpParts } from './http-parts.js';
import { createKeyRotation } from './key-rotation.js';
import { livekitReadiness } from './livekit.js';
import { createLiveKitSip } from './livekit-sip.js';
import { watchLoopLag } from './loop-lag.js';
import { operatorRoutes } from './operator-routes.js';
import { createOutbound } from './outbound.js';
import { readinessChecks } from './readiness.js';
import { startRelay } from './relay.js';
import { sessionCredentials } from './session-credentials.js';
import { shutdownStack } from './shutdown-stack.js';
import { startSignalling } from './signalling.js';
import { openStore } from './store.js';
import { createToolControl } from './tool-control.js';
import { openTracing } from './tracing.js';
import { createTransferControl } from './transfer-control.js';
import { transferDeps } from './transfers.js';
import { startTwilio } from './twilio.js';
import { createWatching } from './watching.js';
import { startWebhooks } from './webhooks.js';
import { startZendesk } from './zendesk.js';

export type Gateway = {
  readonly httpUrl: string;
  readonly sipEndpoints: readonly string[];
  readonly access: Access;
  /** True when no organization has been applied yet. */
  readonly empty: boolean;
  /** A link into the console that signs somebody in with this credential, once. */
  consoleLink(credential: string): Promise<string>;
  /** Refuses new calls and waits for those there are; the rest gets BYE at the deadline. */
  drain(): Promise<void>;
  /** Ends everything now: calls get BYE, writes are finished, Redis goes last. Idempotent. */
  stop(): Promise<void>;
  reloadProfiles(): Promise<void>;
  /** Resolves when the gateway cannot go on (its SIP engine ended). */
  readonly failed: Promise<Error>;
};

export type GatewayOptions = {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly redactor: Redactor;
  readonly version: string;
};

/** What a caller hears when the agent cannot be had and nothing else is configured. */
const apology = 'We are sorry, nobody can take your call at the moment. Please try again later.';

/** Starts everything, in the order in which the parts need each other; a failure ends what was started. */
export const startGateway = async (options: GatewayOptions): Promise<Gateway> => {
  const stack = shutdownStack(options.log);
  try {
    return await start(options, stack);
  } catch (error) {
    await stack.unwind();
    throw error;
  }
};

const start = async (options: GatewayOptions, stack: ReturnType<typeof shutdownStack>): Promise<Gateway> => {
  const { config, redactor } = options;
  const clock = systemClock;
  const instanceId = newUuid();
  const log = options.log.child({ instance: instanceId });
  const root = packageRoot(import.meta.url);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });

  const profileFolders = {
    shipped: join(root, 'sip-profiles'),
    ...(config.sip.profiles === undefined ? {} : { extra: config.sip.profiles }),
    environment: options.env,
  };
  const profiles = await openProfiles(profileFolders);
  const store = await openStore(config, redactor, log, clock, stack);
  const { redis, vault } = store;
  const access = await openAccess(config, store, clock);
  for (const secret of access.secrets) redactor.add(secret);
  for (const warning of access.warnings) log.warn({}, warning);
  const tracer = await openTracing({ ...options, instanceId, clock, log, stack });
  const metrics = createMetrics({ profiles: profiles.all().map((profile) => profile.name) });

  let wakeZendesk: (orgId: string) => void = () => {};
  const sessions = createSessionStore({
    redis,
    instanceId,
    log,
    clock,
    retention: config.limits.sessionRetention * 1_000,
    // A call's beginning is several notes within a few milliseconds: they go to Redis together.
    buffer: { linger: 10 },
    exclusive: store.embedded,
    onWork: (orgId) => wakeZendesk(orgId),
  });
  await sessions.start();
  stack.push('session store', async () => {
    const { unwritten } = await sessions.stop(5_000);
    if (unwritten > 0) log.error({ unwritten }, 'writes to Redis were still waiting when the gateway ended');
  });

  const prompts = join(config.dataDir, 'prompts');
  mkdirSync(prompts, { recursive: true });
  const speaker = createSpeaker({
    shippedFolder: join(root, 'assets/prompts'),
    promptFolders: [prompts],
    cacheFolder: join(config.dataDir, 'speech'),
    log,
  });
  const agents = await createAgents({
    ...{ config, vault, metrics, clock, log, stack },
    speech: speaker,
    env: options.env,
    directory: () => directory.directory,
  });
  const directory = await createDirectoryService({
    redis,
    vault,
    clock,
    log,
    checks: {
      ...actionChecks(clock),
      profiles: () => profiles.all().map((profile) => profile.name),
      ...agents.checks,
    },
  });
  stack.push('directory', () => directory.close());
  const contacts = createContactStore({ redis });
  const zendesk = await startZendesk({
    ...{ config, redis, vault, directory, sessions, contacts, metrics, clock, log, tracer, stack },
    ...{ instanceId, exclusive: store.embedded },
  });
  wakeZendesk = zendesk.wake;

  const webhooks = await startWebhooks({
    ...{ config, redis, vault, sessions, instanceId, exclusive: store.embedded, clock, log, stack },
  });

  const bus = createCommandBus({ redis, log, clock });
  stack.push('command bus', () => bus.close());
  const actions = await startActions({
    ...{ config, instanceId, redis, bus, vault, redactor, sessions, contacts, metrics, clock, log, tracer, stack },
    directory: directory.directory,
  });

  const media = createMediaPlane({
    rtpAddress: config.rtp.address,
    ...(config.rtp.publicAddress === undefined ? {} : { publicAddress: config.rtp.publicAddress }),
    ports: { first: config.rtp.ports.from, last: config.rtp.ports.to },
    ...(config.rtp.workers === undefined ? {} : { workers: config.rtp.workers }),
    log: log.child({ part: 'media' }),
    clock,
  });
  stack.push('media', () => media.close());
  const relay = startRelay({ config, clock, log, stack });

  const credentials = sessionCredentials({ redis, access, apiUrl: config.http.publicUrl, log });
  const apiKeys = createApiKeys({ redis, clock, log });
  access.register(apiKeys.reader);

  const lag = watchLoopLag(clock);
  stack.push('event-loop watch', () => lag.stop());
  const ladder = createLadder(clock);
  const watching = await createWatching({
    ...{ config, instanceId, redis, bus, vault, sessions, profiles, media, speaker, lag, clock, log, stack },
    ...{ version: options.version, configDigest: configDigest(config), directory: directory.directory },
    calls: () => calls,
    sip: () => signalling.server,
  });
  const transferring = transferDeps({
    ...{ config, profiles, media, relay, ladder, vault, metrics, clock, prompts },
    directory: directory.directory,
    ensureTicket: zendesk.ensureTicket,
    announce: speaker.announce,
    server: () => signalling.server,
  });
  const calls = createCalls({
    directory: directory.directory,
    sessions,
    media,
    agents: agents.adapters,
    fallBack: {
      type: 'builtin',
      config: (message) => ({ steps: [{ say: message ?? apology }, { hangup: {} }] }),
    },
    doors: { actions: actions.door },
    credentials,
    transfers: transferring,
    ...{ clock, log, tracer },
    metrics: callMetrics(metrics),
    bindLadder: (sipCallId, sessionId) => {
      ladder.bind(sessionId, sipCallId);
      watching.testCalls.opened(sipCallId, sessionId);
    },
    onClosed: (sessionId) => {
      ladder.end(sessionId);
      watching.closed(sessionId);
      actions.closed(sessionId);
      credentials.revoke(sessionId);
    },
    recordings: watching.recordings,
    overloaded: lag.overloaded,
    limits: callLimits(config),
  });

  const outbound = createOutbound({
    ...{ redis, metrics, clock, log },
    directory: directory.directory,
    calls: () => calls,
    transfers: transferring,
    profiles: () => profiles.all().map((profile) => profile.name),
    setHeaders: actions.parts.setHeaders,
  });
  const transfers = createTransferControl({ instanceId, bus, sessions, calls: () => calls, clock });
  const control = createCallControl({
    ...{ instanceId, bus, sessions, ladder, log },
    calls: () => calls,
    also: (name, payload) => transfers.take(name, payload) ?? watching.take(name, payload),
  });
  const unserve = await control.serve();
  stack.push('commands', () => unserve());
  const tools = createToolControl({ ...{ instanceId, bus, vault, sessions, clock }, calls: () => calls });
  const unserveTools = await tools.serve();
  stack.push('commands for tools', () => unserveTools());

  const signalling = await startSignalling({
    config,
    profiles,
    ladder,
    handler: (call) => void calls.receive(call),
    draining: calls.draining,
    ownCalls: watching.testCalls.ownCalls,
    onRejected: (reason, profile, call) => {
      watching.rejections.add(reason, profile, call);
      // A call that was let in and then refused is counted by its own rule.
      if (reason !== 'call') metrics.count('rejects', 1, { reason, profile: profile ?? 'none' });
    },
    onEngineLost: fail,
    log,
    clock,
    stack,
  });

  gatewayGauges(metrics, {
    media: media.stats,
    relays: relay === null ? null : relay.up,
    redis: redis.isUp,
    sip: signalling.server.connected,
    draining: calls.draining,
  });

  const consoleSessions = createConsoleSessions({ redis, vault, clock });
  const apiDeps: ApiDeps = {
    access,
    audit: createAuditTrail({ redis, log }),
    keptAnswers: createKeptAnswers({ redis, vault, clock, log }),
    console: consoleSessions,
    consoleFiles: join(root, 'dist/console'),
    directory,
    sessions,
    contacts,
    calls: control,
    tools: tools.control,
    ladders: ladderReader(control),
    readiness: async () =>
      readinessChecks({
        ...{ redis: redis.isUp, sip: signalling.server, draining: calls.draining },
        more: () => livekitReadiness(agents.livekit),
      }),
    ...{ metrics, log, clock, version: options.version, configDigest: configDigest(config) },
    ...httpParts(config),
  };
  const { livekit } = agents;
  const facade =
    livekit === null
      ? null
      : createLiveKitSip({
          ...{ instanceId, redis, bus, sessions, directory, clock, log },
          calls: () => calls,
          outbound: outbound.calls,
          rooms: livekit.rooms,
        });
  if (facade !== null) {
    const unserveFacade = await facade.serve();
    stack.push('LiveKit SIP API', () => unserveFacade());
  }
  const closing = new AbortController();
  const keys = createKeyRotation({
    ...{ ring: store.ring, checks: redisRingChecks(redis), clock, log },
    organizations: () => directory.organizations(),
    values: [directory.credentials, sealedPrefetchKeys(redis, vault), webhooks.endpoints.sealed],
  });
  const twilio = await startTwilio({ config, directory, clock, log, stack });
  const api = createApi(apiDeps, [
    ...prefetchRoutes(apiDeps, zendesk),
    ...transferRoutes(apiDeps, transfers.control),
    ...callRoutes(apiDeps, outbound.control),
    ...(facade === null || config.livekit === undefined
      ? []
      : livekitRoutes(apiDeps, { sip: facade.sip, keys: config.livekit })),
    ...executorRoutes(apiDeps, actions.parts),
    ...mcpRoutes(apiDeps, closing.signal),
    ...apiKeyRoutes(apiDeps, apiKeys),
    ...webhookRoutes(apiDeps, webhooks),
    ...watching.routes(apiDeps),
    ...operatorRoutes({
      ...{ config, redis, directory, sessions, apiKeys, profiles, profileFolders, keys, twilio, clock, log },
      server: signalling.server,
    }),
    ...eventRoutes(apiDeps, createSessionEvents({ redis, clock, log }), closing.signal),
  ]);
  const http = await listenHttp(api, { ...config.http.listen, clock });
  stack.push('API', () => http.close(2_000));
  // Streams would keep the API open; they end first.
  stack.push('streams of events', async () => closing.abort());
  stack.push('test calls', async () => watching.testCalls.close());

  const end = async (): Promise<void> => {
    await calls.endAll('drain');
    await stack.unwind();
  };
  let ending: Promise<void> | null = null;
  return {
    httpUrl: `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`,
    sipEndpoints: signalling.server.endpoints(),
    access,
    consoleLink: async (credential) =>
      `${config.http.publicUrl}/console/#code=${await consoleSessions.code(credential)}`,
    empty: (await directory.organizations()).length === 0,
    drain: () => drainCalls({ config, calls, server: signalling.server, log }),
    stop: () => {
      ending ??= end();
      return ending;
    },
    reloadProfiles: () => profiles.reload(),
    failed,
  };
};
