/**
 * Tells when a peer's media does not come: never at all, or not any more. Each silence is reported once; it does not
 * count before the peer is in the call, for one that rings or hears ringing owes nothing, nor while media is not to be
 * expected (the peer holds, or we do), and after a hold the clock starts again.
 */
export type MediaTimeouts = {
  /** The peer is in the call; once. */
  begin(now: number): void;
  /** Media is to be expected from now on, or is not. */
  expect(expected: boolean, now: number): void;
  heard(now: number): void;
  /** What has just run out, else null. */
  check(now: number): 'first-packet' | 'idle' | null;
};

/** Both times in milliseconds, 0 = never. */
export const mediaTimeouts = (firstPacketTimeout: number, idleTimeout: number): MediaTimeouts => {
  const times = new Float64Array(1);
  let begun = false;
  let expecting = false;
  let any = false;
  let reported = false;
  return {
    begin(now) {
      if (begun) return;
      begun = true;
      times[0] = now;
    },
    expect(expected, now) {
      if (expected && !expecting) {
        times[0] = now;
        reported = false;
      }
      expecting = expected;
    },
    heard(now) {
      times[0] = now;
      any = true;
      reported = false;
    },
    check(now) {
      if (!begun || !expecting || reported) return null;
      const limit = any ? idleTimeout : firstPacketTimeout;
      if (limit === 0 || now - (times[0] as number) < limit) return null;
      reported = true;
      return any ? 'idle' : 'first-packet';
    },
  };
};
