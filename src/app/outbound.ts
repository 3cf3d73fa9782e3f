import type { OutboundControl } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { type Calls, createOutboundCalls, type OutboundCalls, type TransferDeps } from '../domain/calls/index.js';
import type { Directory } from '../domain/directory/index.js';
import { createOutboundGuard } from '../domain/outbound/index.js';
import type { RedisConnection } from '../platform/redis/index.js';
import type { Metrics } from '../platform/telemetry/index.js';

export type OutboundWiring = {
  readonly redis: RedisConnection;
  readonly directory: Directory;
  readonly calls: () => Calls;
  readonly transfers: TransferDeps;
  /** Names of the SIP profiles. */
  readonly profiles: () => readonly string[];
  readonly setHeaders: (
    orgId: string,
    sessionId: string,
    headers: Readonly<Record<string, string>>,
  ) => Promise<unknown>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Outbound calls of this gateway: the calls themselves, and what the API does with them. */
export const createOutbound = (
  wiring: OutboundWiring,
): { readonly calls: OutboundCalls; readonly control: OutboundControl } => {
  const { redis, directory, clock, log, metrics } = wiring;
  const guard = createOutboundGuard({
    ...{ redis, clock, log },
    onRefused: (reason) => metrics.count('outboundRefused', 1, { reason }),
  });
  const calls = createOutboundCalls({ directory, guard, calls: wiring.calls, transfers: wiring.transfers, log });

  const place: OutboundControl['place'] = async ({ headers, authenticatedUser, attributes, ...call }) => {
    const { sessionId } = await calls.place({
      ...call,
      prepare: async (session) => {
        void session.change({ attributes, ...(authenticatedUser === null ? {} : { authenticatedUser }) });
        if (headers !== null) await wiring.setHeaders(call.orgId, session.id, headers);
      },
    });
    return { sessionId };
  };

  return {
    calls,
    control: {
      place,
      policy: guard.policy,
      usage: guard.usage,
      async setPolicy(orgId, policy) {
        const known = wiring.profiles();
        if (policy.profile !== null && !known.includes(policy.profile)) {
          throw new GatewayError(
            'bad_request',
            `There is no SIP profile ${JSON.stringify(policy.profile)}; there are ${[...known].sort().join(', ')}.`,
          );
        }
        await guard.setPolicy(orgId, policy);
      },
    },
  };
};
