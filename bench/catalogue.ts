import type { Bench } from './bench.js';
import { engineParserBench } from './engine-parser.js';
import { relayBench } from './relay.js';

/** Every bench, in the order they run. */
export const benches: readonly Bench[] = [engineParserBench, relayBench];
