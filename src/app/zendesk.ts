import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Tracer } from '../core/tracing.js';
import type { DirectoryService } from '../domain/directory/index.js';
import type { ContactStore, SessionStore } from '../domain/sessions/index.js';
import { createZendesk, type Zendesk } from '../domain/zendesk/index.js';
import { createEgressClient, createEgressPolicy, parseAllowList } from '../platform/egress/index.js';
import type { RedisConnection } from '../platform/redis/index.js';
import type { Metrics } from '../platform/telemetry/index.js';
import type { Vault } from '../platform/vault/index.js';
import { type Config, loopbackOnly } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

export type StartZendeskOptions = {
  readonly config: Config;
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly directory: DirectoryService;
  readonly sessions: SessionStore;
  readonly contacts: ContactStore;
  readonly instanceId: string;
  /** Redis is our own: no other instance can be alive. */
  readonly exclusive: boolean;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly stack: ShutdownStack;
};

/** The part that speaks with Zendesk, on guarded connections of its own. */
export const startZendesk = async (options: StartZendeskOptions): Promise<Zendesk> => {
  const { config, redis, vault, directory, sessions, contacts, instanceId, exclusive } = options;
  const { metrics, clock, log, tracer, stack } = options;
  const egress = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList(config.egress.allow), loopbackOnly: loopbackOnly(config) }),
    clock,
  });
  stack.push('connections to Zendesk', () => egress.close());
  const zendesk = createZendesk({
    ...{ redis, vault, egress, sessions, contacts, instanceId, exclusive, clock, log, tracer },
    directory: directory.directory,
    organizations: directory.organizations,
    publicUrl: config.http.publicUrl,
    addressLifetime: config.limits.prefetchUrlLifetime * 1_000,
    countPrefetch: (result) => metrics.count('prefetches', 1, { result }),
    countEnrichment: (result) => metrics.count('enrichments', 1, { result }),
  });
  stack.push('Zendesk', () => zendesk.close());
  await zendesk.start();
  return zendesk;
};
