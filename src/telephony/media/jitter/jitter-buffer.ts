import { createNoiseSource, type NoiseShape, type NoiseSource } from '../codecs/comfort-noise.js';
import { createConcealment, findPitch } from '../codecs/plc.js';
import { timestampDistance } from '../rtp-packet.js';
import { createDelayEstimator } from './delay-estimator.js';

export type JitterStats = {
  /** Packets that came after their time. */
  readonly late: number;
  /** Packets whose audio was there already. */
  readonly duplicates: number;
  /** Times the stream began anew: another SSRC or a jump of the timestamps. */
  readonly restarts: number;
  /** Audio that had to be made up, ms. */
  readonly concealedMs: number;
  /** Present delay and the one aimed at, ms. */
  readonly delayMs: number;
  readonly targetMs: number;
};

export type JitterBuffer = {
  /** Takes the decoded audio of one packet, of any length. `now` is monotonic time in milliseconds. */
  push(ssrc: number, timestamp: number, samples: Int16Array, count: number, now: number): void;
  /**
   * From that timestamp on the peer is silent and has this background, until audio of a later time plays (RFC 3389):
   * nothing is missing meanwhile.
   */
  noise(ssrc: number, timestamp: number, shape: NoiseShape, now: number): void;
  /**
   * Fills `out` with the next audio; to be called once for each frame. Returns false when none of it came from the peer:
   * it is then a continuation that fades, its background noise, or silence.
   */
  pull(out: Int16Array, now: number): boolean;
  stats(): JitterStats;
  reset(): void;
};

export type JitterBufferOptions = {
  /** Delay that is kept even on a perfect network, ms. */
  readonly minDelayMs?: number;
  /** ms; packets that come later than this are lost. */
  readonly maxDelayMs?: number;
};

const samplesPerMs = 8;
/** Half a second; a power of two. */
const capacity = 4_096;
const mask = capacity - 1;
/** Without audio for so long the talk spurt is over; the next one may start with a fitting delay. */
const spurtEndSamples = 100 * samplesPerMs;
/** Excess of delay that is left alone, and how long it must last before it is cut away. */
const slackMs = 25;
const excessFrames = 25;
/** Frames between two lengthenings or cuts: each is inaudible, a row of them is not. */
const adjustFrames = 10;
const longestCut = 120;
/** A packet that is neither near the others nor at its time by the sender's clock belongs to a stream begun anew. */
const longestShiftMs = 1_000;
const restShiftMs = 500;
/** Descriptions of noise that wait for their time; one comes with each pause of the peer. */
const mostNoises = 8;

/**
 * A jitter buffer whose delay follows the network, for 8 kHz audio. Samples lie in a ring by their timestamp, so that
 * packets may come in any order, twice, or with any length. The delay grows by waiting a frame, filled by concealment,
 * and shrinks by cutting out one pitch period; both follow clock drift as well.
 */
export const createJitterBuffer = ({ minDelayMs = 20, maxDelayMs = 200 }: JitterBufferOptions = {}): JitterBuffer => {
  const ring = new Int16Array(capacity);
  const present = new Uint8Array(capacity);
  const cutting = new Int16Array(capacity);
  const pitchWindow = new Int16Array(280);
  const estimator = createDelayEstimator(minDelayMs, maxDelayMs);
  const concealment = createConcealment();

  let source = -1;
  let heardAudio = false;
  /** Noise by the timestamp it begins at, oldest first; what lies behind audio that has played is gone. */
  const noises: { readonly at: number; readonly shape: NoiseShape }[] = [];
  // Made when a peer first sends some: most never do.
  let noiseSource: NoiseSource | null = null;
  /** Whether the playout point runs; before, audio gathers. */
  let playing = false;
  /** Timestamp of the next sample to play. */
  let playout = 0;
  /** Timestamp behind the newest sample. */
  let newest = 0;
  /** Media time in ms counts from here, so that the wrap of timestamps does not show. */
  let mediaOrigin = 0;
  /** Nothing before this timestamp may play while the playout point rests: it has played already. */
  let floor = 0;
  /** Samples since audio of the peer played last. */
  let starved = 0;
  let excess = 0;
  let sinceAdjust = 0;

  let late = 0;
  let duplicates = 0;
  let restarts = 0;
  let concealed = 0;
  // Fractions as fields of an object change in place; as variables of a closure each change would be a heap object.
  const clock = { mediaBase: 0, delay: 0 };

  const mediaTime = (timestamp: number): number =>
    clock.mediaBase + timestampDistance(timestamp, mediaOrigin) / samplesPerMs;

  const begin = (ssrc: number, timestamp: number): void => {
    if (heardAudio) restarts++;
    if (heardAudio || ssrc !== source) noises.length = 0;
    heardAudio = false;
    source = ssrc;
    present.fill(0);
    playing = false;
    playout = timestamp;
    floor = (timestamp - capacity / 2) >>> 0;
    newest = timestamp;
    mediaOrigin = timestamp;
    clock.mediaBase = 0;
    excess = 0;
    estimator.reset();
  };

  /** The noise that stands where audio is missing now; null when the peer has not said that it is silent. */
  const noiseNow = (): NoiseShape | null => {
    // While the playout point rests, time goes on without it.
    if (!playing && timestampDistance(newest, playout) <= 0) return noises.at(-1)?.shape ?? null;
    let shape: NoiseShape | null = null;
    for (const noise of noises) if (timestampDistance(playout, noise.at) >= 0) shape = noise.shape;
    return shape;
  };

  /** Samples until the next noise begins that has not begun yet; Infinity without one. */
  const untilNoise = (): number => {
    for (const { at } of noises) {
      const distance = timestampDistance(at, playout);
      if (distance > 0) return distance;
    }
    return Number.POSITIVE_INFINITY;
  };

  const murmur = (out: Int16Array, start: number, end: number, shape: NoiseShape): void => {
    noiseSource ??= createNoiseSource();
    noiseSource.fill(out, start, end, shape);
    // What comes after it is not the continuation of what was before.
    concealment.reset();
  };

  /** Forgets audio up to the new playout point. */
  const moveTo = (timestamp: number): void => {
    const distance = Math.min(capacity, timestampDistance(timestamp, playout));
    for (let i = 0; i < distance; i++) present[(playout + i) & mask] = 0;
    playout = timestamp >>> 0;
  };

  const store = (timestamp: number, samples: Int16Array, from: number, count: number): void => {
    for (let i = from; i < count; i++) {
      const at = (timestamp + i) & mask;
      ring[at] = samples[i]!;
      present[at] = 1;
    }
  };

  /** How many of the next `most` samples are there without a gap. */
  const run = (most: number): number => {
    let count = 0;
    while (count < most && present[(playout + count) & mask] === 1) count++;
    return count;
  };

  const take = (out: Int16Array, start: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      const at = (playout + i) & mask;
      out[start + i] = ring[at]!;
      present[at] = 0;
    }
    playout = (playout + count) >>> 0;
  };

  const isReady = (now: number): boolean => {
    if (source < 0 || timestampDistance(newest, playout) <= 0) return false;
    // The moment at which the next sample is due when everything waits for the target.
    return now >= estimator.fastest() + mediaTime(playout) + estimator.target();
  };

  const wait = (out: Int16Array): boolean => {
    const shape = noiseNow();
    if (shape === null) concealment.conceal(out, 0, out.length);
    else murmur(out, 0, out.length, shape);
    return false;
  };

  /** Audio behind a description of noise has played: the pause is over. */
  const endNoise = (): void => {
    while (noises.length > 0 && timestampDistance(playout, noises[0]!.at) > 0) noises.shift();
  };

  /**
   * Takes a frame and one pitch period more and lays the period's beginning over its end, so that it is gone without a
   * step. False when there is not enough audio for it.
   */
  const takeShortened = (out: Int16Array): boolean => {
    const length = out.length;
    if (run(length + longestCut) < length + longestCut) return false;
    for (let i = 0; i < pitchWindow.length; i++) pitchWindow[i] = ring[(playout + i) & mask]!;
    const cut = findPitch(pitchWindow);
    take(cutting, 0, length + cut);
    for (let i = 0; i < length; i++) {
      const weight = (i + 1) / (length + 1);
      out[i] = Math.round(cutting[i]! * (1 - weight) + cutting[i + cut]! * weight);
    }
    return true;
  };

  const play = (out: Int16Array): boolean => {
    const length = out.length;
    const target = estimator.target();
    sinceAdjust++;
    excess = clock.delay > target + slackMs ? excess + 1 : 0;
    if (excess > excessFrames && sinceAdjust > adjustFrames && length <= pitchWindow.length && takeShortened(out)) {
      sinceAdjust = 0;
      concealment.received(out, 0, length);
      starved = 0;
      return true;
    }
    if (clock.delay < target - slackMs / 2 && sinceAdjust > adjustFrames) {
      sinceAdjust = 0;
      concealed += length;
      return wait(out);
    }

    let filled = 0;
    let real = false;
    while (filled < length) {
      const there = run(length - filled);
      if (there > 0) {
        take(out, filled, there);
        if (noises.length > 0) endNoise();
        concealment.received(out, filled, filled + there);
        filled += there;
        starved = 0;
        real = true;
        continue;
      }
      const nextNoise = noises.length > 0 ? untilNoise() : Number.POSITIVE_INFINITY;
      let missing = Math.min(length - filled, nextNoise);
      const isLost = timestampDistance(newest, playout) > 0 || nextNoise !== Number.POSITIVE_INFINITY;
      if (timestampDistance(newest, playout) > 0) {
        const most = missing;
        missing = 1;
        while (missing < most && present[(playout + missing) & mask] === 0) missing++;
      }
      const shape = noises.length > 0 ? noiseNow() : null;
      if (shape !== null) {
        murmur(out, filled, filled + missing, shape);
        filled += missing;
        if (isLost) playout = (playout + missing) >>> 0;
        else {
          // By the peer's own word the talk spurt is over; the next one starts with a fitting delay.
          playing = false;
          floor = playout;
        }
        continue;
      }
      concealment.conceal(out, filled, filled + missing);
      concealed += missing;
      starved += missing;
      filled += missing;
      // What is lost is over; what has only not come yet is waited for, and the delay grows by the waiting.
      if (isLost) playout = (playout + missing) >>> 0;
    }
    if (starved >= spurtEndSamples && timestampDistance(newest, playout) <= 0) {
      playing = false;
      floor = playout;
    }
    return real;
  };

  return {
    push(ssrc, timestamp, samples, count, now) {
      if (count <= 0 || count > capacity / 2) return;
      const shift = Math.abs(now - mediaTime(timestamp) - estimator.fastest());
      const contiguous = Math.abs(timestampDistance(timestamp, newest)) <= capacity;
      if (ssrc !== source || (!contiguous && !(shift < longestShiftMs))) begin(ssrc, timestamp);
      heardAudio = true;
      const empty = timestampDistance(newest, playout) <= 0;
      // A sender whose timestamps stood still while it was silent: what was learnt of its clock is worth nothing now.
      if (!playing && empty && shift > restShiftMs) estimator.reset();
      estimator.packet(now, mediaTime(timestamp));
      const end = (timestamp + count) >>> 0;

      if (!playing && empty && timestampDistance(timestamp, playout) > 0) moveTo(timestamp);
      const behind = timestampDistance(playout, timestamp);
      if (behind > 0 && !playing && timestampDistance(timestamp, floor) >= 0) {
        // Nothing plays yet: an earlier packet may still come first.
        playout = timestamp;
      } else if (behind >= count) {
        late++;
        return;
      }
      if (timestampDistance(end, playout) > capacity) moveTo((end - capacity) >>> 0);
      const from = Math.max(0, timestampDistance(playout, timestamp));
      if (present[(timestamp + from) & mask] === 1 && present[(end - 1) & mask] === 1) {
        duplicates++;
        return;
      }
      store(timestamp, samples, from, count);
      if (timestampDistance(end, newest) > 0) {
        newest = end;
        // Keeps distances of 32-bit timestamps short on calls of any length.
        clock.mediaBase = mediaTime(timestamp);
        mediaOrigin = timestamp;
      }
    },
    noise(ssrc, timestamp, shape, now) {
      const shift = Math.abs(now - mediaTime(timestamp) - estimator.fastest());
      const contiguous = Math.abs(timestampDistance(timestamp, newest)) <= capacity;
      // Without audio nothing is known of the peer's clock that a timestamp could contradict.
      if (ssrc !== source || (heardAudio && !contiguous && !(shift < longestShiftMs))) begin(ssrc, timestamp);
      const last = noises.at(-1);
      if (last !== undefined && timestampDistance(timestamp, last.at) < 0) return;
      if (noises.length === mostNoises) noises.shift();
      noises.push({ at: timestamp, shape });
    },
    pull(out, now) {
      if (!playing) {
        if (!isReady(now)) return wait(out);
        playing = true;
        starved = 0;
        excess = 0;
      }
      clock.delay = now - (estimator.fastest() + mediaTime(playout));
      return play(out);
    },
    stats: () => ({
      late,
      duplicates,
      restarts,
      concealedMs: concealed / samplesPerMs,
      delayMs: Math.max(0, clock.delay),
      targetMs: estimator.target(),
    }),
    reset() {
      source = -1;
      heardAudio = false;
      noises.length = 0;
      playing = false;
      present.fill(0);
      estimator.reset();
      concealment.reset();
    },
  };
};
