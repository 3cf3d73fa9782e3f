import { expect, it } from 'vitest';
import { manualClock } from '../core/manual-clock.js';
import type { LiveCall } from '../domain/calls/index.js';
import type { LegQuality } from '../domain/calls/ports.js';
import { watchQuality } from './quality-watch.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('plots loss of each interval, thins out what is long, and forgets a call a while after its end', async () => {
  const clock = manualClock();
  let quality: LegQuality = {
    ...{ codec: 'PCMU', packetsSent: 0, packetsReceived: 250, packetsLost: 0, packetsLate: 0 },
    ...{ jitterMs: 1.26, roundTripMs: 20.4, mos: 4.4 },
    ...{ packetsDiscarded: 0, concealedMs: 0, remotePacketsLost: null, remoteLoss: null },
  };
  const call = (orgId: string): LiveCall =>
    ({
      sessionId: `s-${orgId}`,
      orgId,
      legs: () => [['caller', { quality: async () => quality }]],
    }) as unknown as LiveCall;
  let live = [call('acme'), call('globex')];
  const watch = watchQuality({ live: () => live, clock });
  const tick = async (): Promise<void> => {
    clock.advance(5_000);
    for (let turns = 0; turns < 4; turns += 1) await turn();
  };
  expect(watch.of('s-acme')).toBeNull();
  await tick();
  quality = { ...quality, packetsReceived: 480, packetsLost: 20, packetsDiscarded: 5, mos: 3.1, remoteLoss: 0.125 };
  await tick();
  const points = watch.of('s-acme')?.legs[0]?.points ?? [];
  expect(
    points.map((point) => [point.lossPercent, point.mos, point.jitterMs, point.roundTripMs, point.remoteLossPercent]),
  ).toEqual([
    [0, 4.4, 1.3, 20, null],
    [10, 3.1, 1.3, 20, 12.5],
  ]);
  expect(watch.now('acme')).toEqual({ 's-acme': 3.1 });

  for (let looks = 0; looks < 600; looks += 1) await tick();
  const kept = watch.of('s-acme')?.legs[0]?.points ?? [];
  expect(kept.length).toBeGreaterThan(100);
  expect(kept.length).toBeLessThanOrEqual(240);
  expect(kept[0]?.lossPercent).toBe(0);

  live = [];
  watch.ended('s-acme');
  expect(watch.now('acme')).toEqual({});
  clock.advance(14 * 60_000);
  expect(watch.of('s-acme')).not.toBeNull();
  clock.advance(60_000);
  expect(watch.of('s-acme')).toBeNull();
  watch.stop();
});
