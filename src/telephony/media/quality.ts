/** What a listener hears of the network. */
export type Impairments = {
  /** Part of the packets that did not come or came too late, 0 to 1. */
  readonly loss: number;
  /** Interarrival jitter (RFC 3550 section 6.4.1), ms. */
  readonly jitterMs: number;
  /** Null when RTCP has not told it. */
  readonly roundTripMs: number | null;
};

/** Default of ITU-T G.107 (2015) with all terminal values at their defaults. */
const undisturbedRating = 93.2;
/** G.711 with concealment and random loss: no impairment of its own, robustness 25.1 (ITU-T G.113 appendix I). */
const codecImpairment = 0;
const lossRobustness = 25.1;
/** A packet's length, which is spoken before it is sent, ms. */
const packetizationMs = 20;
/** A round trip that is not known is taken for a good one. */
const assumedRoundTripMs = 50;
/** What a jitter buffer adds for each millisecond of jitter. */
const bufferPerJitter = 2;
/** The delay from which conversation begins to suffer, ms. */
const conversationDelayMs = 177.3;

/** The transmission rating R of ITU-T G.107, with delay and loss as the only impairments; 0 to 93.2. */
export const transmissionRating = ({ loss, jitterMs, roundTripMs }: Impairments): number => {
  const delay = (roundTripMs ?? assumedRoundTripMs) / 2 + bufferPerJitter * jitterMs + packetizationMs;
  const delayImpairment = 0.024 * delay + (delay > conversationDelayMs ? 0.11 * (delay - conversationDelayMs) : 0);
  const lossPercent = Math.min(Math.max(loss, 0), 1) * 100;
  const lossImpairment = codecImpairment + (95 - codecImpairment) * (lossPercent / (lossPercent + lossRobustness));
  return Math.max(0, undisturbedRating - delayImpairment - lossImpairment);
};

/** The mean opinion score that a rating stands for (ITU-T G.107 annex B), 1.0 to 4.5. */
export const meanOpinionScore = (rating: number): number => {
  if (rating <= 0) return 1;
  if (rating >= 100) return 4.5;
  return Math.max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
};

/** Estimated listening and conversation quality of one direction, 1.0 to 4.5 in steps of 0.01. */
export const estimateMos = (impairments: Impairments): number =>
  Math.round(meanOpinionScore(transmissionRating(impairments)) * 100) / 100;
