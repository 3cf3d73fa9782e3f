/**
 * Learns how much later than the fastest packets the slow ones come, and from it how long audio must wait to be in time.
 * All times in milliseconds.
 */
export type DelayEstimator = {
  /** One packet: when it came, and the time its audio begins at on the sender's clock. */
  packet(arrival: number, mediaTime: number): void;
  /** The smallest transit seen lately. Only differences mean something: the clocks are not the same. */
  fastest(): number;
  /** How long after the fastest packet's arrival audio should play. */
  target(): number;
  reset(): void;
};

const binMs = 10;
const bins = 32;
/** Of packets that shall be in time. G.711 hides one loss in thirty well, and each further per mille costs delay. */
const quantile = 0.97;
/** A half-life of about 350 packets, 7 seconds: jitter comes and goes with other traffic. */
const forget = 0.998;
/** At first estimates move quickly, then settle. */
const learningPackets = 50;
/** The fastest transit is that of the last one to two windows, so that it follows clocks that drift apart. */
const windowPackets = 500;

export const createDelayEstimator = (minimum: number, maximum: number): DelayEstimator => {
  const histogram = new Float64Array(bins);
  let packets = 0;
  let inWindow = 0;
  let target = minimum;
  // Fractions as fields of an object change in place; as variables of a closure each change would be a heap object.
  const sums = { total: 0, fastest: Number.POSITIVE_INFINITY, fastestBefore: Number.POSITIVE_INFINITY };

  const settle = (): void => {
    const wanted = sums.total * quantile;
    let sum = 0;
    let bin = 0;
    for (; bin < bins - 1; bin++) {
      sum += histogram[bin]!;
      if (sum >= wanted) break;
    }
    target = Math.min(maximum, Math.max(minimum, (bin + 1) * binMs));
  };

  return {
    packet(arrival, mediaTime) {
      const transit = arrival - mediaTime;
      if (transit < sums.fastest) sums.fastest = transit;
      if (++inWindow === windowPackets) {
        sums.fastestBefore = sums.fastest;
        sums.fastest = transit;
        inWindow = 0;
      }
      const late = transit - Math.min(sums.fastest, sums.fastestBefore);
      const bin = Math.min(bins - 1, Math.floor(late / binMs));
      packets++;
      const keep = packets < learningPackets ? 0.97 : forget;
      for (let i = 0; i < bins; i++) histogram[i]! *= keep;
      sums.total = sums.total * keep + 1;
      histogram[bin]! += 1;
      settle();
    },
    fastest: () => Math.min(sums.fastest, sums.fastestBefore),
    target: () => target,
    reset() {
      histogram.fill(0);
      sums.total = 0;
      packets = 0;
      sums.fastest = Number.POSITIVE_INFINITY;
      sums.fastestBefore = Number.POSITIVE_INFINITY;
      inWindow = 0;
      target = minimum;
    },
  };
};
