import { it } from 'vitest';
import { onDrachtioServer } from './sip-application.js';

/** For tests of what only the embedded engine does, or that steer it; they are skipped on a drachtio-server. */
export const onEmbeddedEngine = it.skipIf(onDrachtioServer);
if (onDrachtioServer) {
  console.info('TEST_DRACHTIO is set: tests that need the embedded engine (its tap, clock or limits) are skipped');
}
