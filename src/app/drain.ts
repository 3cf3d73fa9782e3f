import type { Logger } from '../core/logger.js';
import type { Calls } from '../domain/calls/index.js';
import type { SipServer } from '../telephony/sip/index.js';
import { type Config, hasExternalServer } from './config.js';

/** Calls that one line of the log names while a drain waits for them. */
const namedAtOnce = 200;

/** Takes nothing new and waits for the calls there are, naming them; the rest gets BYE at `limits.drainTimeout`. */
export const drainCalls = async (of: {
  readonly config: Config;
  readonly calls: Pick<Calls, 'drain'>;
  readonly server: Pick<SipServer, 'retreat'>;
  readonly log: Logger;
}): Promise<void> => {
  const { config, calls, server, log } = of;
  // A SIP server of several instances would go on giving us our share of the calls, and each would be refused.
  if (hasExternalServer(config)) await server.retreat();
  await calls.drain(config.limits.drainTimeout * 1_000, (waiting) => {
    const sessions = waiting.slice(0, namedAtOnce).map((call) => call.sessionId);
    log.info({ calls: waiting.length, sessions }, 'waiting for calls to end');
  });
};
