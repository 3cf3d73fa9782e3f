import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { orgKey, type RedisConnection, replyTextOrNull } from '../../platform/redis/index.js';
import { createOutboundMeter, type OutboundLease, type OutboundUsage } from './meter.js';
import { defaultPolicy, type OutboundPolicy, outboundPolicySchema } from './policy.js';
import { type CallTarget, isListed } from './target.js';

/** Why an outbound call is refused. A closed set: it labels a metric. */
export const outboundRefusals = ['target', 'calls', 'minutes'] as const;
export type OutboundRefusal = (typeof outboundRefusals)[number];

/** Who wants to call, for the log. */
export type OutboundAsker = { readonly orgId: string; readonly agentId: string };

/**
 * The one place that decides whether the gateway calls somebody at an agent's or a client's word: the operator's list of
 * targets, and the caps on calls and minutes, over all instances.
 */
export type OutboundGuard = {
  /** The operator's policy; the default when there is none. Throws GatewayError store_unavailable. */
  policy(orgId: string): Promise<OutboundPolicy>;
  setPolicy(orgId: string, policy: OutboundPolicy): Promise<void>;
  usage(orgId: string): Promise<OutboundUsage>;
  /** For a target that no destination of the agent stands for. Throws GatewayError target_not_allowed. */
  permit(asker: OutboundAsker, target: CallTarget, policy: OutboundPolicy): void;
  /**
   * A place among the calls and the first of the day's minutes. `onExhausted` is called when the day has no further one.
   * Throws GatewayError outbound_limit or store_unavailable.
   */
  reserve(asker: OutboundAsker, policy: OutboundPolicy, onExhausted: () => void): Promise<OutboundLease>;
};

const policyKey = (orgId: string): string => orgKey(orgId, 'outbound-policy');

export const createOutboundGuard = (options: {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRefused: (reason: OutboundRefusal) => void;
}): OutboundGuard => {
  const { redis, log } = options;
  const meter = createOutboundMeter(options);

  const refuse = ({ orgId, agentId }: OutboundAsker, reason: OutboundRefusal, sentence: string): GatewayError => {
    log.warn({ organization: orgId, agent: agentId, reason, rule: sentence }, 'outbound call refused');
    options.onRefused(reason);
    return new GatewayError(reason === 'target' ? 'target_not_allowed' : 'outbound_limit', sentence);
  };

  return {
    async policy(orgId) {
      const text = replyTextOrNull(await redis.command('GET', policyKey(orgId)));
      return text === null ? defaultPolicy : outboundPolicySchema.parse(JSON.parse(text));
    },
    async setPolicy(orgId, policy) {
      await redis.command('SET', policyKey(orgId), JSON.stringify(policy));
    },
    usage: (orgId) => meter.usage(orgId),
    permit(asker, target, policy) {
      if (isListed(policy, target)) return;
      throw refuse(
        asker,
        'target',
        `${target.value} is none of the destinations of agent ${JSON.stringify(asker.agentId)}, and the operator's list has no entry for it.`,
      );
    },
    async reserve(asker, policy, onExhausted) {
      const lease = await meter.reserve(asker.orgId, policy, () => {
        log.warn({ organization: asker.orgId, agent: asker.agentId }, 'the minutes of the day ended an outbound call');
        onExhausted();
      });
      if (lease === 'calls') {
        throw refuse(asker, 'calls', `The organization has its ${policy.maxCalls} outbound calls at once already.`);
      }
      if (lease === 'minutes') {
        throw refuse(
          asker,
          'minutes',
          `The organization has used its ${policy.dailyMinutes} minutes of outbound calls of this day (UTC).`,
        );
      }
      return lease;
    },
  };
};
