import { sessionView, type WebhookParts } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { SessionStore } from '../domain/sessions/index.js';
import { createEgressClient, createEgressPolicy, parseAllowList } from '../platform/egress/index.js';
import { createDeadLetters, createWebhookEndpoints, createWebhooks } from '../platform/events/index.js';
import type { RedisConnection } from '../platform/redis/index.js';
import type { Vault } from '../platform/vault/index.js';
import { authoritiesOf } from './authorities.js';
import { type Config, loopbackOnly } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

export type StartWebhooksOptions = {
  readonly config: Config;
  readonly redis: RedisConnection;
  readonly vault: Vault;
  readonly sessions: Pick<SessionStore, 'get'>;
  readonly instanceId: string;
  /** Redis is our own: no other instance can be alive. */
  readonly exclusive: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
};

/** The part that tells the systems of organizations of their calls, on guarded connections of its own. */
export const startWebhooks = async (options: StartWebhooksOptions): Promise<WebhookParts> => {
  const { config, redis, vault, sessions, instanceId, exclusive, clock, log, stack } = options;
  const egress = createEgressClient({
    policy: createEgressPolicy({ allow: parseAllowList(config.egress.allow), loopbackOnly: loopbackOnly(config) }),
    extraAuthorities: await authoritiesOf(config.egress.authorities),
    clock,
  });
  stack.push('connections of webhooks', () => egress.close());
  const endpoints = createWebhookEndpoints({ redis, vault, clock });
  const deadLetters = createDeadLetters(redis);
  const webhooks = createWebhooks({
    ...{ redis, endpoints, deadLetters, egress, instanceId, exclusive, clock, log },
    async session(orgId, sessionId) {
      const found = await sessions.get(orgId, sessionId);
      return found === null ? null : sessionView(found);
    },
  });
  stack.push('webhooks', () => webhooks.stop());
  await webhooks.start();
  return { endpoints, deadLetters, webhooks };
};
