import { expect, it } from 'vitest';
import { silentLogger } from '../../../core/logger.js';
import type { AgentContext } from '../../../domain/calls/ports.js';
import type { AudioFormat } from './audio-format.js';
import type { BotConfig } from './config.js';
import { startFacts } from './start-facts.js';

it('a bot that comes back is told what an AI may know of the session, not all that actions have set', async () => {
  const context = {
    caller: { withheld: false, e164: '+14155550123', display: null },
    headers: new Map(),
    doors: { attributes: () => ({ state: 'sent', cost: 3 }), shownAttributes: () => ({ state: 'sent' }) },
    tools: { list: async () => [] },
    credential: async () => null,
    log: silentLogger,
  } as unknown as AgentContext;
  const config = { hideNumber: false, parameters: {} } as unknown as BotConfig;
  const facts = await startFacts(context, config, {} as AudioFormat, { muted: false, resumed: { gapMs: 5 } });
  expect(facts.attributes).toEqual({ state: 'sent' });
});
