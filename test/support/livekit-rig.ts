/** A livekit-server, a gateway on it, a caller and test agents: for the LiveKit suites and benches. */
import type { TestGatewayOptions } from './gateway.js';
import { type AgentSound, startAgent, type TestAgent } from './livekit-agent.js';
import { type LiveKitTestServer, startLiveKitServer } from './livekit-server.js';
import { type Caller, startTransferRig, type TransferRig } from './transfer-rig.js';
import { until } from './until.js';

/** A call on its way: it rings until an agent can be heard. */
export type RingingCall = {
  readonly sessionId: string;
  readonly room: string;
  /** Resolves when the gateway has answered. */
  readonly answered: Promise<Caller>;
};

export type LiveKitRig = TransferRig & {
  readonly livekit: LiveKitTestServer;
  /** Sets up the one agent with this leg, on top of what a LiveKit leg needs. */
  setUpLeg(
    leg?: Readonly<Record<string, unknown>>,
    destinations?: readonly unknown[],
    agent?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  ring(options?: Parameters<TransferRig['call']>[0]): Promise<RingingCall>;
  /** An agent in the room, which speaks when a sound is given. */
  agentIn(room: string, sound?: AgentSound, identity?: string, url?: string): Promise<TestAgent>;
  /** A call and the agent that has answered it with a tone of 440 Hz. */
  talk(sound?: AgentSound): Promise<{ readonly caller: Caller; readonly agent: TestAgent; readonly room: string }>;
  /** Takes the agents out of their rooms, for the next calls; the callers of theirs are to have hung up. */
  rest(): Promise<void>;
};

export const startLiveKitRig = async (options: TestGatewayOptions = {}): Promise<LiveKitRig> => {
  // Its process takes longer to start than anything else.
  const first = startAgent();
  const livekit = await startLiveKitServer();
  const rig = await startTransferRig({ ...options, env: { ...livekit.env, ...options.env } }).catch(
    async (error: unknown) => {
      await Promise.all([livekit.stop(), first.then((agent) => agent.kill())]);
      throw error;
    },
  );
  const agents = new Set<TestAgent>();
  const idle: TestAgent[] = [await first];
  const seen = new Set<string>();

  const full: LiveKitRig = {
    ...rig,
    livekit,
    setUpLeg: (leg = {}, destinations = [], agent = {}) =>
      rig.setUp([], destinations, {
        leg: { type: 'livekit', agentName: 'support', readyWithin: 30, ...leg },
        fallback: null,
        actions: [],
        ...agent,
      }),
    ring: async (callOptions) => {
      // It rings until an agent is heard, whose process a busy machine takes its time to start.
      const answered = rig.call({ ringTimeout: 40_000, ...callOptions });
      answered.catch(() => {});
      const failed = new Promise<never>((_, reject) => void answered.catch(reject));
      const found = await Promise.race([
        failed,
        until('a call that rings', async () => (await rig.liveSessions()).find(({ id }) => !seen.has(id)) ?? null),
      ]);
      seen.add(found.id);
      return { sessionId: found.id, room: `call-${found.id}`, answered };
    },
    agentIn: async (room, sound, identity = 'agent', url = livekit.url) => {
      const agent = idle.pop() ?? (await startAgent());
      agents.add(agent);
      await agent.order({ type: 'join', url, token: await livekit.agentToken(room, identity) });
      if (sound !== undefined) await agent.order({ type: 'publish', sound });
      return agent;
    },
    talk: async (sound = { hz: 440 }) => {
      const { room, answered } = await full.ring();
      const agent = await full.agentIn(room, sound);
      return { caller: await answered, agent, room };
    },
    rest: async () => {
      const busy = [...agents].filter((agent) => agent.alive());
      agents.clear();
      await Promise.all(
        busy.map(async (agent) => {
          // Without LiveKit the library may wait for ever.
          const limit = setTimeout(() => void agent.kill(), 5_000);
          await agent.order({ type: 'leave' }).catch(() => {});
          clearTimeout(limit);
          if (agent.alive()) idle.push(agent);
        }),
      );
    },
    close: async () => {
      await Promise.all([...agents, ...idle].map((agent) => agent.kill()));
      await rig.close();
      await livekit.stop();
    },
  };
  return full;
};
