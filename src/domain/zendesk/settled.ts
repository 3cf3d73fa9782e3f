import type { Clock } from '../../core/clock.js';
import type { SessionStore } from '../sessions/index.js';
import type { AfterStamp } from './ports.js';

/** ms between two looks: whichever instance enriches, the session says how far it is. */
const LOOK = 40;

/** Waits until the enrichment of a session has ended. */
export const waitForEnrichment =
  (sessions: Pick<SessionStore, 'enrichmentState'>, clock: Clock): AfterStamp['settled'] =>
  async (orgId, sessionId, timeout, signal) => {
    const deadline = clock.monotonic() + timeout;
    for (;;) {
      const state = (await sessions.enrichmentState(orgId, sessionId)) ?? 'none';
      if (state !== 'queued' || signal.aborted || clock.monotonic() >= deadline) return state;
      await new Promise<void>((resolve) => void clock.after(LOOK, resolve));
    }
  };
