import type { QualityPoint, SessionQuality } from '../api/index.js';
import type { Clock } from '../core/clock.js';
import type { LiveCall } from '../domain/calls/index.js';

/** ms between two looks at the legs of all calls. */
const interval = 5_000;
/** Points kept of a leg: when there are more, every second one goes, and later ones come half as often. */
const mostPoints = 240;
/** How long the points of a call that ended are kept, ms, and of how many such calls. */
const keptAfterEnd = 15 * 60_000;
const mostEnded = 2_000;

type Leg = { points: QualityPoint[]; every: number; skip: number; received: number; lost: number };
type Watched = { readonly orgId: string; readonly legs: Map<string, Leg>; latest: number | null };

export type QualityWatch = {
  /** What was measured of a call while it lived; null when nothing is known of it (any more). */
  of(sessionId: string): SessionQuality | null;
  /** The worst leg of each live call of an organization, as last measured; null: not yet. */
  now(orgId: string): Readonly<Record<string, number>>;
  /** The call has ended: what is known of it goes after a while. */
  ended(sessionId: string): void;
  stop(): void;
};

const take = (
  leg: Leg,
  at: number,
  quality: Awaited<ReturnType<ReturnType<LiveCall['legs']>[number][1]['quality']>>,
) => {
  const missing = quality.packetsLost + quality.packetsDiscarded;
  // Loss is of this interval: a leg's own figure is of its whole life, and would hide what is happening now.
  const heard = quality.packetsReceived - quality.packetsDiscarded;
  const [received, lost] = [heard - leg.received, Math.max(0, missing - leg.lost)];
  leg.received = heard;
  leg.lost = missing;
  leg.skip -= 1;
  if (leg.skip > 0) return;
  leg.skip = leg.every;
  leg.points.push({
    at,
    mos: quality.mos,
    jitterMs: Math.round(quality.jitterMs * 10) / 10,
    lossPercent: received + lost <= 0 ? 0 : Math.round((lost / (received + lost)) * 1_000) / 10,
    roundTripMs: quality.roundTripMs === null ? null : Math.round(quality.roundTripMs),
    remoteLossPercent: quality.remoteLoss === null ? null : Math.round(quality.remoteLoss * 1_000) / 10,
  });
  if (leg.points.length <= mostPoints) return;
  leg.points = leg.points.filter((_, index) => index % 2 === 0);
  leg.every *= 2;
};

/** Measures the legs of live calls every few seconds, for the plot of a call and the list of calls. */
export const watchQuality = (deps: {
  readonly live: () => readonly LiveCall[];
  readonly clock: Clock;
}): QualityWatch => {
  const { clock } = deps;
  const calls = new Map<string, Watched>();
  const ended = new Set<string>();
  let stopped = false;

  const forget = (sessionId: string): void => {
    ended.delete(sessionId);
    calls.delete(sessionId);
  };

  const measure = async (call: LiveCall): Promise<void> => {
    const { sessionId, orgId } = call;
    if (ended.has(sessionId)) return;
    const watched = calls.get(sessionId) ?? { orgId, legs: new Map<string, Leg>(), latest: null };
    calls.set(sessionId, watched);
    let worst: number | null = null;
    for (const [role, leg] of call.legs()) {
      // A leg that is being closed, or whose worker died, has nothing to say.
      const quality = await leg.quality().catch(() => null);
      if (quality === null) continue;
      const known = watched.legs.get(role) ?? { points: [], every: 1, skip: 0, received: 0, lost: 0 };
      watched.legs.set(role, known);
      take(known, clock.now(), quality);
      if (quality.mos !== null) worst = worst === null ? quality.mos : Math.min(worst, quality.mos);
    }
    watched.latest = worst;
  };

  const look = async (): Promise<void> => {
    // One after the other: a thousand calls must not ask their workers in one instant.
    for (const call of deps.live()) if (!stopped) await measure(call);
  };
  let timer = clock.after(interval, function again() {
    void look().finally(() => {
      if (!stopped) timer = clock.after(interval, again);
    });
  });

  return {
    of: (sessionId) => {
      const watched = calls.get(sessionId);
      if (watched === undefined) return null;
      return { legs: [...watched.legs].map(([leg, { points }]) => ({ leg, points })) };
    },
    now: (orgId) =>
      Object.fromEntries(
        [...calls].flatMap(([id, watched]) =>
          watched.orgId === orgId && watched.latest !== null && !ended.has(id) ? [[id, watched.latest]] : [],
        ),
      ),
    ended: (sessionId) => {
      if (!calls.has(sessionId)) return;
      ended.add(sessionId);
      const [oldest] = ended;
      if (ended.size > mostEnded && oldest !== undefined) forget(oldest);
      clock.after(keptAfterEnd, () => forget(sessionId));
    },
    stop: () => {
      stopped = true;
      timer.cancel();
    },
  };
};
