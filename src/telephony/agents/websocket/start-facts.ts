import type { AgentContext } from '../../../domain/calls/ports.js';
import type { AudioFormat } from './audio-format.js';
import type { BotConfig } from './config.js';
import type { StartFacts } from './messages.js';

/**
 * What a bot is told of its call. A number the caller withholds is not passed on, whatever the carrier asserted, and none
 * is when the leg hides it.
 */
export const startFacts = async (
  context: AgentContext,
  config: BotConfig,
  format: AudioFormat,
  state: Pick<StartFacts, 'muted' | 'resumed'>,
): Promise<StartFacts> => {
  const { caller, log } = context;
  const hidden = caller.withheld || config.hideNumber;
  // A bot that speaks without its tools is better than none, when the store does not answer.
  const [tools, credential] = await Promise.all([
    context.tools.list().catch((error: unknown) => {
      log.warn({ err: error }, 'a bot starts without the list of its tools');
      return [];
    }),
    context.credential().catch((error: unknown) => {
      log.warn({ err: error }, 'a bot starts without a token of its session');
      return null;
    }),
  ]);
  return {
    sessionId: context.sessionId,
    orgId: context.orgId,
    agent: { id: context.agentId, name: context.agentName },
    caller: {
      number: hidden ? null : caller.e164,
      display: hidden ? null : caller.display,
      withheld: caller.withheld,
    },
    called: context.called,
    direction: context.direction,
    sipCallId: context.sipCallId,
    headers: Object.fromEntries(context.headers),
    attributes: context.doors.shownAttributes(),
    parameters: config.parameters,
    audio: { encoding: format.encoding, sampleRate: format.sampleRate },
    tools,
    credential,
    ...state,
  };
};
