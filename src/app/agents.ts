import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { AgentAdapter } from '../domain/calls/ports.js';
import type { DirectoryChecks, DirectoryService } from '../domain/directory/index.js';
import { createEgressDialer, createEgressPolicy, parseAllowList } from '../platform/egress/index.js';
import type { Metrics } from '../platform/telemetry/index.js';
import type { Vault } from '../platform/vault/index.js';
import { type Speech, scriptedAgent } from '../telephony/agents/builtin/index.js';
import { type LiveKitAgent, legFaults } from '../telephony/agents/livekit/index.js';
import { createWebSocketAgent, secretsOfBot } from '../telephony/agents/websocket/index.js';
import { secretReader } from './action-readers.js';
import { authoritiesOf } from './authorities.js';
import { type Config, loopbackOnly } from './config.js';
import { startLiveKit } from './livekit.js';
import type { ShutdownStack } from './shutdown-stack.js';

export type AgentsOptions = {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly speech: Speech;
  readonly vault: Vault;
  readonly directory: () => DirectoryService['directory'];
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
};

/** The legs an agent may have, by their type in the document. */
export type Agents = {
  readonly adapters: ReadonlyMap<string, AgentAdapter>;
  /** Null where no LiveKit is configured. */
  readonly livekit: LiveKitAgent | null;
  /** Judgements of a leg that is being saved. */
  readonly checks: Required<Pick<DirectoryChecks, 'leg' | 'secretsOfLeg'>>;
};

export const createAgents = async (options: AgentsOptions): Promise<Agents> => {
  const { config, metrics, clock } = options;
  const livekit = startLiveKit(options);
  const builtin = scriptedAgent({ speech: options.speech, clock });
  const dialer = createEgressDialer({
    policy: createEgressPolicy({ allow: parseAllowList(config.egress.allow), loopbackOnly: loopbackOnly(config) }),
    extraAuthorities: await authoritiesOf(config.egress.authorities),
    clock,
  });
  const websocket = createWebSocketAgent({
    dial: (url, signal) => dialer.dial(url, 'websocket', signal),
    secretOf: async (orgId, name) =>
      (await secretReader(options.directory(), options.vault).read(orgId, [name])).get(name) ?? null,
    dropped: (direction, seconds) => metrics.count('botAudioDropped', seconds, { direction }),
    clock,
  });
  return {
    adapters: new Map(
      [builtin, websocket, ...(livekit === null ? [] : [livekit.adapter])].map((adapter) => [adapter.type, adapter]),
    ),
    livekit,
    checks: {
      leg: (leg) => {
        if (leg.type === 'builtin') {
          return builtin.validate(leg.script).map((fault) => ({ ...fault, path: `script.${fault.path}` }));
        }
        // Judged also where no LiveKit is configured: the document may be meant for another gateway.
        return leg.type === 'livekit' ? legFaults(leg) : websocket.validate(leg);
      },
      secretsOfLeg: (leg) => (leg.type === 'websocket' ? secretsOfBot(leg) : []),
    },
  };
};
