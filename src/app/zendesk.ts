import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Directory } from '../domain/directory/index.js';
import type { SessionStore } from '../domain/sessions/index.js';
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
  readonly directory: Directory;
  readonly sessions: SessionStore;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
};

/** The part that speaks with Zendesk, on guarded connections of its own. */
export const startZendesk = (options: StartZendeskOptions): Zendesk => {
  const { config, redis, vault, directory, sessions, metrics, clock, log, stack } = options;
  const egress = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList(config.egress.allow), loopbackOnly: loopbackOnly(config) }),
    clock,
  });
  stack.push('connections to Zendesk', () => egress.close());
  const zendesk = createZendesk({
    ...{ redis, vault, egress, directory, sessions, clock, log },
    addressLifetime: config.limits.prefetchUrlLifetime * 1_000,
    countPrefetch: (result) => metrics.count('prefetches', 1, { result }),
  });
  stack.push('Zendesk', () => zendesk.close());
  return zendesk;
};
