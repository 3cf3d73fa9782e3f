import type { ReadinessCheck } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Metrics } from '../platform/telemetry/index.js';
import { createLiveKitAgent, type LiveKitAgent } from '../telephony/agents/livekit/index.js';
import type { Config } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

/** What of the gateway's environment a LiveKit child needs: trust and proxies for its connections. */
const passedOn = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'] as const;

const childEnvironment = (env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    passedOn.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** Agents in LiveKit rooms, where LIVEKIT_URL is set. */
export const startLiveKit = (options: {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
}): LiveKitAgent | null => {
  const { config, metrics, clock, stack } = options;
  if (config.livekit === undefined) return null;
  const agent = createLiveKitAgent({
    server: config.livekit,
    readyWithin: config.limits.ringTimeout * 1_000,
    reconnectWithin: config.livekit.reconnectWithin * 1_000,
    env: childEnvironment(options.env),
    limits: {
      legsPerChild: config.livekit.callsPerChild,
      legsServed: config.livekit.callsBeforeRestart,
      memory: config.livekit.memoryBeforeRestart * 1_024 * 1_024,
    },
    onReachable: (up) => metrics.set('dependencyUp', up ? 1 : 0, { dependency: 'livekit' }),
    clock,
    log: options.log.child({ part: 'livekit' }),
  });
  stack.push('LiveKit', () => agent.close());
  return agent;
};

/**
 * LiveKit's line on `/readyz`; none where no LiveKit is configured. Without LiveKit callers get what their agent's leg says
 * instead, so an instance that lost it still takes calls.
 */
export const livekitReadiness = (agent: Pick<LiveKitAgent, 'fault'> | null): readonly ReadinessCheck[] => {
  if (agent === null) return [];
  const fault = agent.fault();
  return [{ name: 'livekit', optional: true, ok: fault === null, ...(fault === null ? {} : { reason: fault }) }];
};
