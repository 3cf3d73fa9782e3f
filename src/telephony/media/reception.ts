import type { ReceptionReport } from './leg-rtcp.js';
export const createReception = (_rate: number) => {
  let received = 0;
  let first = -1;
  let high = 0;
  let ssrc = 0;
  return {
    packet(s: number, seq: number, _ts: number | null, _now: number) {
      received++;
      ssrc = s;
      if (first < 0) {
        first = seq;
        high = seq;
      }
      const d = ((seq - (high & 0xffff)) << 16) >> 16;
      if (d > 0) high += d;
    },
    report: (): ReceptionReport | null =>
      first < 0 ? null : { ssrc, fractionLost: 0, cumulativeLost: 0, highestSequence: high, jitter: 0 },
    figures: () => ({ received, lost: first < 0 ? 0 : high - first + 1 - received, late: 0, jitterMs: 0 }),
  };
};
