import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import type { OwnedSession } from '../sessions/ports.js';
import type { EndReason, TimelineEntry } from '../sessions/records.js';
import type { LegQuality, MediaLeg } from './ports.js';

export type Closing = {
  readonly reason: EndReason;
  /** What the reason alone does not say, for the timeline. */
  readonly detail: string | null;
  readonly session: OwnedSession;
  /** The caller's leg, and a destination's if there is one at that time, by role. */
  readonly legs: () => readonly (readonly [role: string, leg: MediaLeg])[];
  readonly measured: (quality: LegQuality) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly recording: boolean;
  /** BYE to every leg that still stands; nothing when none does. */
  readonly bye: () => Promise<void>;
  readonly stopAgent: () => Promise<void>;
};

/** How long a step may hold up the next one, ms. A BYE to a dead peer is repeated by the SIP server for 32 s without us. */
const stepLimit = 1_000;

/** Waits for a step, but not beyond its limit; a fault is logged and closing goes on. */
const step = async (closing: Closing, name: string, work: () => Promise<unknown>): Promise<void> => {
  let watchdog: { cancel(): void } | undefined;
  const late = new Promise<'late'>((resolve) => {
    watchdog = closing.clock.after(stepLimit, () => resolve('late'));
  });
  try {
    const result = await Promise.race([work().then(() => 'done' as const), late]);
    if (result === 'late') closing.log.warn({ step: name }, 'closing a call went on without waiting for a step');
  } catch (error) {
    closing.log.error({ err: error, step: name }, 'a step of closing a call failed');
  } finally {
    watchdog?.cancel();
  }
};

/**
 * The one place that closes a call (calls.md C6): BYE first, so that nobody hears silence on an open line; then the agent
 * and the media; then the store. Each step has a limit, so that nothing outside can keep a session open.
 */
export const closeCall = async (closing: Closing): Promise<void> => {
  const { session, clock, reason, detail } = closing;
  const endedAt = clock.now();
  const quality: Record<string, LegQuality> = {};
  await step(closing, 'bye', closing.bye);
  await step(closing, 'agent', closing.stopAgent);
  await step(closing, 'media', async () => {
    await Promise.all(
      closing.legs().map(async ([role, leg]) => {
        const final = await leg.close();
        quality[role] = final;
        closing.measured(final);
      }),
    );
  });
  const timeline: TimelineEntry[] = [];
  if (closing.recording) timeline.push({ at: clock.now(), type: 'recording.stopped', data: {} });
  const measured = Object.keys(quality).length > 0;
  if (measured) timeline.push({ at: clock.now(), type: 'media.quality', data: { ...quality } });
  timeline.push({ at: clock.now(), type: 'call.ended', data: { reason, ...(detail === null ? {} : { detail }) } });
  session
    .change({
      status: 'ended',
      endedAt,
      endReason: reason,
      ...(measured ? { quality: { ...quality } } : {}),
      timeline,
    })
    .catch((error: unknown) => closing.log.error({ err: error }, 'the end of a session could not be written'));
  session.release();
};
