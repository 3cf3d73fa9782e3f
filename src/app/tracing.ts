import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { Redactor } from '../core/redaction.js';
import { silentTracer, type Tracer } from '../core/tracing.js';
import { startTracing } from '../platform/telemetry/index.js';
import type { Config } from './config.js';
import type { ShutdownStack } from './shutdown-stack.js';

/** The tracer of this gateway; without an endpoint it is one that does nothing, and nothing is loaded for it. */
export const openTracing = async (options: {
  readonly config: Config;
  readonly instanceId: string;
  readonly version: string;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stack: ShutdownStack;
}): Promise<Tracer> => {
  const { instanceId, version, redactor, clock, log } = options;
  const { endpoint, headers, ratio } = options.config.traces;
  if (endpoint === undefined) return silentTracer;
  const tracing = await startTracing({ endpoint, headers, ratio, instanceId, version, redactor, clock, log });
  options.stack.push('traces', () => tracing.close());
  return tracing.tracer;
};
