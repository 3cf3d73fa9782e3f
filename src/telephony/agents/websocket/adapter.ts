import type { AgentAdapter } from '../../../domain/calls/ports.js';
import { type BotLegDeps, startBotLeg } from './bot-leg.js';
import { parseBotConfig } from './config.js';

/**
 * The AI's leg for bots that speak over a WebSocket (docs/reference/agent-websocket.md): the gateway dials the bot, audio
 * and control go both ways, the tools are those of every agent.
 */
export const createWebSocketAgent = (deps: BotLegDeps): AgentAdapter => ({
  type: 'websocket',
  answers: (leg) => {
    const parsed = parseBotConfig(leg);
    // A leg that cannot be read fails at its start, and the fall-back has to be heard.
    return 'config' in parsed ? parsed.config.answer : 'at-once';
  },
  validate: (leg) => parseBotConfig(leg).faults,
  start: async (context, events) => {
    const parsed = parseBotConfig(context.config);
    if ('config' in parsed) return startBotLeg(deps, parsed.config, context, events);
    const [fault] = parsed.faults;
    throw new Error(`The leg of the agent is not valid: ${fault?.path} ${fault?.message}.`);
  },
});
