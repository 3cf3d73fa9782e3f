import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { createRtpengineRelay, type RtpengineRelay } from '../telephony/media/index.js';
import type { Config } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

/** The rtpengines of the configuration; null where there are none, and the gateway has all media itself. */
export const startRelay = (wiring: {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
}): RtpengineRelay | null => {
  const { config, clock, log, stack } = wiring;
  if (config.rtpengine === undefined) return null;
  const relay = createRtpengineRelay({ servers: config.rtpengine, clock, log: log.child({ part: 'rtpengine' }) });
  stack.push('rtpengine', () => relay.close());
  return relay;
};
