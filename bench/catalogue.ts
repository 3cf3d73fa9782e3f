import { apiBench } from './api.js';
import type { Bench } from './bench.js';
import { drachtioServerBench } from './drachtio-server.js';
import { engineCallsBench } from './engine-calls.js';
import { engineParserBench } from './engine-parser.js';
import { executorBench } from './executor.js';
import { executorBadTargetsBench } from './executor-bad-targets.js';
import { executorSafeguardsBench } from './executor-safeguards.js';
import { livekitBench } from './livekit.js';
import { memoryBench } from './memory.js';
import { prefetchBench } from './prefetch.js';
import { relayBench } from './relay.js';
import { scaleOutBench } from './scale-out.js';
import { signallingBench } from './signalling.js';
import { transferBench } from './transfer.js';
import { websocketLegBench } from './websocket-leg.js';

/** Every bench, in the order they run. */
export const benches: readonly Bench[] = [
  signallingBench,
  engineParserBench,
  engineCallsBench,
  transferBench,
  drachtioServerBench,
  relayBench,
  prefetchBench,
  livekitBench,
  websocketLegBench,
  memoryBench,
  executorBench,
  executorSafeguardsBench,
  executorBadTargetsBench,
  apiBench,
  scaleOutBench,
];
