import type { RtcpReportBlock } from './rtcp.js';
import { sequenceDistance } from './rtp-packet.js';

/** What a report block says of a stream, besides the times that the RTCP schedule knows. */
export type ReceptionReport = Pick<
  RtcpReportBlock,
  'ssrc' | 'fractionLost' | 'cumulativeLost' | 'highestSequence' | 'jitter'
>;

/** Figures over all streams a leg has received, one after the other. */
export type ReceptionFigures = {
  readonly received: number;
  /** Never negative here, though doubled packets make it so in a report. */
  readonly lost: number;
  /** Packets that came after a newer one. */
  readonly late: number;
  readonly jitterMs: number;
};

export type Reception = {
  /**
   * One packet that was accepted. `timestamp` null: the packet does not follow the media clock (telephone events keep
   * the timestamp of their beginning), so it says nothing of jitter. `now` is monotonic time in milliseconds.
   */
  packet(ssrc: number, sequence: number, timestamp: number | null, now: number): void;
  /** For the next report; the fraction counts from the call before. Null before the first packet. */
  report(): ReceptionReport | null;
  figures(): ReceptionFigures;
};

/** A jump forward beyond this, or backward beyond the other, is a sender that began anew (RFC 3550 appendix A.1). */
const mostDropout = 3_000;
const mostMisorder = 100;
const sequences = 65_536;

/** Loss and jitter as RFC 3550 appendix A counts them. */
export const createReception = (clockRate: number): Reception => {
  let ssrc = -1;
  let base = 0;
  /** With the wraps. */
  let highest = 0;
  let received = 0;
  /** The sequence number that must come next to believe a jump; -1 = none awaited. */
  let expectedAfterJump = -1;
  let reportedExpected = 0;
  let reportedReceived = 0;
  // Fractions live in a typed array: in variables of a closure each packet would cost two heap objects.
  const measured = new Float64Array(2);
  const JITTER = 0;
  const TRANSIT = 1;
  let hasTransit = false;

  /** Of streams that are over. */
  let earlierReceived = 0;
  let earlierLost = 0;
  let late = 0;

  const expected = (): number => (ssrc < 0 ? 0 : highest - base + 1);

  const begin = (source: number, sequence: number): void => {
    earlierReceived += received;
    earlierLost += Math.max(0, expected() - received);
    ssrc = source;
    base = sequence;
    highest = sequence;
    received = 0;
    reportedExpected = 0;
    reportedReceived = 0;
    expectedAfterJump = -1;
    hasTransit = false;
    measured[JITTER] = 0;
  };

  /** False when the packet may be a stray one and is not to be counted yet. */
  const place = (sequence: number): boolean => {
    const distance = sequenceDistance(sequence, highest & 0xffff);
    if (distance > 0 && distance < mostDropout) {
      highest += distance;
    } else if (distance > 0 || distance < -mostMisorder) {
      if (sequence !== expectedAfterJump) {
        expectedAfterJump = (sequence + 1) % sequences;
        return false;
      }
      // Two in a row: the sender has begun anew without telling.
      begin(ssrc, sequence - 1);
      highest = sequence;
      received = 1;
    } else {
      late++;
    }
    expectedAfterJump = -1;
    return true;
  };

  const measureJitter = (timestamp: number, now: number): void => {
    const arrival = (now * clockRate) / 1000;
    if (hasTransit) {
      // In 32 bits, so that the wrap of the timestamp does not count as a delay of hours.
      const difference = Math.abs((Math.round(arrival - measured[TRANSIT]!) - timestamp) | 0);
      // A sender whose clock jumps says nothing of the network.
      if (difference < clockRate) measured[JITTER] = measured[JITTER]! + (difference - measured[JITTER]!) / 16;
    }
    hasTransit = true;
    measured[TRANSIT] = arrival - timestamp;
  };

  return {
    packet(source, sequence, timestamp, now) {
      if (source !== ssrc) begin(source, sequence);
      else if (!place(sequence)) return;
      received++;
      if (timestamp !== null) measureJitter(timestamp, now);
    },
    report() {
      if (ssrc < 0) return null;
      const lost = expected() - received;
      const expectedSince = expected() - reportedExpected;
      const lostSince = expectedSince - (received - reportedReceived);
      reportedExpected = expected();
      reportedReceived = received;
      return {
        ssrc,
        fractionLost:
          expectedSince > 0 && lostSince > 0 ? Math.min(255, Math.floor((lostSince * 256) / expectedSince)) : 0,
        cumulativeLost: Math.max(-0x80_0000, Math.min(0x7f_ffff, lost)),
        highestSequence: highest >>> 0,
        jitter: Math.floor(measured[JITTER]!),
      };
    },
    figures: () => ({
      received: earlierReceived + received,
      lost: earlierLost + Math.max(0, expected() - received),
      late,
      jitterMs: (measured[JITTER]! * 1000) / clockRate,
    }),
  };
};
