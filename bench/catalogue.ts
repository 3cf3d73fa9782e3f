import type { Bench } from './bench.js';

/** Every bench, in the order they run. */
export const benches: readonly Bench[] = [];
