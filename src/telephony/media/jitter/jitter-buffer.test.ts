import { describe, expect, it } from 'vitest';
import { noiseShape } from '../codecs/comfort-noise.js';
import { createJitterBuffer } from './jitter-buffer.js';

const frame = 160;

/** A value from which the sample's timestamp can be told, modulo 20000; so order and gaps show in the output. */
const ramp = (timestamp: number): number => (timestamp % 20_000) + 1;

type Packet = { readonly arrival: number; readonly ssrc: number; readonly timestamp: number; readonly count: number };

const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
};

const stream = (
  packets: number,
  delay: (index: number) => number,
  { start = 0, base = 1_000, ssrc = 1, count = frame, spacing = 0 } = {},
): Packet[] =>
  Array.from({ length: packets }, (_, index) => ({
    arrival: start + index * (spacing || count / 8) + delay(index),
    ssrc,
    timestamp: (base + index * count) >>> 0,
    count,
  }));

type Played = { readonly at: number; readonly real: boolean; readonly samples: Int16Array };

/** Brings packets to a buffer at their times and pulls a frame every 20 ms. */
const run = (
  packets: readonly Packet[],
  options: Parameters<typeof createJitterBuffer>[0] = {},
  content: (timestamp: number) => number = ramp,
) => {
  const buffer = createJitterBuffer(options);
  const queue = packets.toSorted((a, b) => a.arrival - b.arrival);
  const end = (queue.at(-1)?.arrival ?? 0) + 400;
  const played: Played[] = [];
  const samples = new Int16Array(2_048);
  let next = 0;
  for (let now = 0; now <= end; now += 20) {
    for (; next < queue.length && queue[next]!.arrival <= now; next++) {
      const { ssrc, timestamp, count, arrival } = queue[next]!;
      for (let i = 0; i < count; i++) samples[i] = content(timestamp + i);
      buffer.push(ssrc, timestamp, samples, count, arrival);
    }
    const out = new Int16Array(frame);
    const real = buffer.pull(out, now);
    played.push({ at: now, real, samples: out });
  }
  return { buffer, played, real: played.filter((piece) => piece.real) };
};

/** True when the samples go up by one from each to the next, but for the wrap of the ramp. */
const isContinuous = (pieces: readonly Played[]): boolean => {
  const all = pieces.flatMap(({ samples }) => [...samples]);
  return all.every((sample, i) => i === 0 || sample === all[i - 1]! + 1 || (sample === 1 && all[i - 1] === 20_000));
};

const levelOf = (samples: Int16Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

describe('the jitter buffer', () => {
  it('plays a steady stream complete, in order, with little delay', () => {
    const { buffer, real } = run(stream(200, () => 30));
    expect(real.length).toBe(200);
    expect(isContinuous(real)).toBe(true);
    expect(real[0]!.at).toBeLessThanOrEqual(30 + 40);
    expect(buffer.stats()).toMatchObject({ late: 0, duplicates: 0, restarts: 0, targetMs: 20 });
  });

  it('loses nothing when packets come out of order and twice', () => {
    const packets = stream(200, (index) => 30 + (index % 5 === 0 ? 25 : 0));
    const { buffer, real } = run(
      [...packets, ...packets.map((packet) => ({ ...packet, arrival: packet.arrival + 3 }))],
      {
        minDelayMs: 40,
      },
    );
    expect(real.length).toBe(200);
    expect(isContinuous(real)).toBe(true);
    expect(buffer.stats().duplicates + buffer.stats().late).toBe(200);
  });

  it('puts duplicates aside that come while their packet still waits', () => {
    const packets = stream(50, () => 30);
    const { buffer } = run([...packets, ...packets.map((packet) => ({ ...packet, arrival: packet.arrival + 1 }))], {
      minDelayMs: 60,
    });
    expect(buffer.stats().duplicates).toBe(50);
  });

  it('conceals a lost packet and goes on in time', () => {
    const { buffer, played, real } = run(stream(100, () => 30).filter((_, index) => index !== 50));
    expect(real.length).toBe(99);
    const first = played.findIndex(({ real: isReal }) => isReal);
    expect(played[first + 50]!.real).toBe(false);
    expect(played[first + 99]!.real).toBe(true);
    expect(buffer.stats().concealedMs).toBe(20 + 100);
  });

  it.each([10, 30, 40, 60])('plays packets of %i ms', (ms) => {
    const { real, played } = run(
      stream(100, () => 20, { count: ms * 8 }),
      { minDelayMs: 60 },
    );
    const samples = real.reduce((sum, piece) => sum + piece.samples.length, 0);
    expect(samples).toBeGreaterThanOrEqual(100 * ms * 8);
    const first = played.findIndex(({ real: isReal }) => isReal);
    expect(isContinuous(played.slice(first, first + Math.floor((100 * ms) / 20)))).toBe(true);
  });

  it('learns the jitter of the network, then loses little and keeps the delay near the jitter', () => {
    const random = seeded(3);
    const { buffer, played } = run(stream(3_000, () => 20 + random() * 60));
    const settled = played.slice(500, 2_900);
    const lost = settled.filter(({ real }) => !real).length;
    expect(lost / settled.length).toBeLessThan(0.02);
    const { targetMs, delayMs } = buffer.stats();
    expect(targetMs).toBeGreaterThanOrEqual(50);
    expect(targetMs).toBeLessThanOrEqual(80);
    expect(delayMs).toBeLessThan(120 + 200);
  });

  it('shortens the delay again when the network has calmed down', () => {
    const random = seeded(5);
    const packets = stream(4_000, (index) => 20 + (index < 1_000 ? random() * 100 : 0));
    const buffer = createJitterBuffer();
    const samples = new Int16Array(frame).fill(100);
    const out = new Int16Array(frame);
    const queue = packets.toSorted((a, b) => a.arrival - b.arrival);
    let next = 0;
    let highest = 0;
    for (let now = 0; now < 80_000; now += 20) {
      for (; next < queue.length && queue[next]!.arrival <= now; next++) {
        buffer.push(1, queue[next]!.timestamp, samples, frame, queue[next]!.arrival);
      }
      buffer.pull(out, now);
      if (now < 20_000) highest = Math.max(highest, buffer.stats().delayMs);
    }
    expect(highest).toBeGreaterThan(80);
    expect(buffer.stats().targetMs).toBe(20);
    expect(buffer.stats().delayMs).toBeLessThan(60);
  });

  it.each([
    ['faster', 19.98],
    ['slower', 20.02],
  ])('follows a sender whose clock runs a thousandth %s, for ten minutes', (_, spacing) => {
    const { buffer, played } = run(
      stream(30_000, () => 20, { spacing }),
      {},
      (timestamp) => Math.round(5_000 * Math.sin((2 * Math.PI * 200 * timestamp) / 8_000)),
    );
    const settled = played.slice(100, 29_000);
    expect(settled.filter(({ real }) => !real).length / settled.length).toBeLessThan(0.01);
    expect(buffer.stats()).toMatchObject({ restarts: 0 });
    expect(buffer.stats().late).toBeLessThan(60);
  });

  it('starts anew with another SSRC and when timestamps jump', () => {
    const first = stream(50, () => 20);
    const second = stream(50, () => 20, { start: 1_000, base: 777, ssrc: 2 });
    const third = stream(50, () => 20, { start: 2_000, base: 3_000_000_000, ssrc: 2 });
    const { buffer, real } = run([...first, ...second, ...third]);
    expect(real.length).toBeGreaterThanOrEqual(144);
    expect(buffer.stats().restarts).toBe(2);
  });

  it('goes on over the wrap of the timestamp', () => {
    const { buffer, real } = run(
      stream(100, () => 20, { base: 0xffff_f000 }),
      {},
      (timestamp) => (timestamp % 4_096) + 1,
    );
    expect(real.length).toBe(100);
    expect(buffer.stats()).toMatchObject({ restarts: 0, late: 0 });
  });

  it('is silent in a pause of the sender and keeps what it has learnt', () => {
    const talk = stream(50, () => 20);
    const later = stream(50, () => 20, { start: 21_000, base: 1_000 + 20_000 * 8 + 50 * frame });
    const { buffer, played, real } = run([...talk, ...later]);
    expect(real.length).toBe(100);
    expect(
      played.filter(({ at }) => at > 1_300 && at < 20_900).every(({ samples }) => samples.every((s) => s === 0)),
    ).toBe(true);
    expect(buffer.stats().restarts).toBe(0);
  });

  it('goes on when a sender stops its timestamps while it is silent', () => {
    const talk = stream(50, () => 20);
    const later = stream(100, () => 20, { start: 30_000, base: 1_000 + 50 * frame });
    const { buffer, real } = run([...talk, ...later]);
    expect(real.length).toBe(150);
    expect(isContinuous(real)).toBe(true);
    expect(buffer.stats().delayMs).toBeLessThan(150);
  });

  it('does not replay a packet that is repeated after the stream has paused', () => {
    const talk = stream(50, () => 20);
    const { real, buffer } = run([...talk, { ...talk[49]!, arrival: 3_000 }]);
    expect(real.length).toBe(50);
    expect(buffer.stats().late).toBe(1);
  });

  it('keeps up after a stall that delivers seconds of audio at once', () => {
    const packets = stream(500, (index) => (index >= 100 && index < 200 ? 20 + (200 - index) * 20 : 20));
    const { buffer, played } = run(packets);
    const after = played.filter(({ at }) => at > 6_000 && at < 9_800);
    expect(after.every(({ real }) => real)).toBe(true);
    expect(buffer.stats().delayMs).toBeLessThan(600);
  });

  it('survives any packets in any order', () => {
    const random = seeded(11);
    const buffer = createJitterBuffer();
    const samples = new Int16Array(4_000).fill(5);
    const out = new Int16Array(frame);
    for (let i = 0; i < 100_000; i++) {
      const timestamp = random() < 0.5 ? i * 100 : Math.floor(random() * 4_294_967_296);
      buffer.push(
        random() < 0.9 ? 1 : Math.floor(random() * 5),
        timestamp >>> 0,
        samples,
        Math.floor(random() * 3_000),
        i,
      );
      if (i % 7 === 0) buffer.pull(out, i);
    }
    expect(out.every((sample) => Math.abs(sample) <= 5)).toBe(true);
  });
});

describe('the jitter buffer of a peer with silence suppression', () => {
  const quiet = noiseShape(50);
  const louder = noiseShape(40);
  const speech = new Int16Array(frame).fill(9_000);

  /** Talk of `talk` frames each, with the pauses between them described once, at their beginning. */
  const conversation = (talk: number, pauses: readonly { readonly frames: number; readonly shape: typeof quiet }[]) => {
    const buffer = createJitterBuffer();
    const heard: Int16Array[] = [];
    const arrivals: { readonly at: number; readonly put: () => void }[] = [];
    let media = 0;
    const put = (index: number, act: () => void): void => void arrivals.push({ at: 30 + index * 20, put: act });
    for (const { frames, shape } of pauses) {
      for (let i = 0; i < talk; i++, media++) {
        const index = media;
        put(index, () => buffer.push(1, index * frame, speech, frame, 30 + index * 20));
      }
      const index = media;
      put(index, () => buffer.noise(1, index * frame, shape, 30 + index * 20));
      media += frames;
    }
    for (let i = 0; i < talk; i++, media++) {
      const index = media;
      put(index, () => buffer.push(1, index * frame, speech, frame, 30 + index * 20));
    }
    for (let now = 0; now < media * 20 + 200; now += 20) {
      while (arrivals.length > 0 && arrivals[0]!.at <= now) arrivals.shift()!.put();
      const out = new Int16Array(frame);
      buffer.pull(out, now);
      heard.push(out);
    }
    return { buffer, heard, levels: heard.map(levelOf) };
  };

  it('plays noise of the level told for just as long as the peer was silent', () => {
    const { buffer, levels } = conversation(50, [
      { frames: 100, shape: quiet },
      { frames: 3, shape: louder },
    ]);
    const begin = levels.findIndex((level) => level > 8_000);
    expect(levels.slice(begin, begin + 50).every((level) => level > 8_500)).toBe(true);
    for (const level of levels.slice(begin + 50, begin + 150)) {
      expect(level).toBeGreaterThan(quiet.rms * 0.7);
      expect(level).toBeLessThan(quiet.rms * 1.3);
    }
    expect(levels.slice(begin + 151, begin + 200).every((level) => level > 8_500)).toBe(true);
    for (const level of levels.slice(begin + 201, begin + 202)) {
      expect(level).toBeGreaterThan(louder.rms * 0.7);
      expect(level).toBeLessThan(louder.rms * 1.3);
    }
    expect(levels.slice(begin + 204, begin + 252).every((level) => level > 8_500)).toBe(true);
    // What is missing behind the last frame, when the peer has neither said that it is silent nor spoken.
    expect(buffer.stats()).toMatchObject({ late: 0, restarts: 0 });
    expect(buffer.stats().concealedMs).toBeLessThanOrEqual(100);
  });

  it('follows a new description within one pause, and a peer that begins with noise', () => {
    const buffer = createJitterBuffer();
    const out = new Int16Array(frame);
    const level = (now: number): number => {
      buffer.pull(out, now);
      return levelOf(out);
    };
    buffer.noise(1, 0, quiet, 0);
    expect(level(20) / quiet.rms).toBeGreaterThan(0.7);
    expect(level(40) / quiet.rms).toBeLessThan(1.3);
    buffer.noise(1, 16_000, louder, 2_000);
    expect(level(2_000) / louder.rms).toBeGreaterThan(0.7);
    buffer.push(1, 32_000, speech, frame, 4_000);
    expect(level(4_000)).toBeLessThan(louder.rms * 1.3);
    expect(level(4_020)).toBeGreaterThan(8_500);
    expect(buffer.stats().restarts).toBe(0);
  });

  it('still conceals what is lost before the pause, and forgets the noise with the stream', () => {
    const buffer = createJitterBuffer();
    const out = new Int16Array(frame);
    for (let i = 0; i < 20; i++) buffer.push(1, i * frame, speech, frame, i * 20);
    // Frame 20 is lost; the pause begins with 21.
    buffer.noise(1, 21 * frame, quiet, 420);
    const levels: number[] = [];
    for (let now = 20; now <= 800; now += 20) {
      buffer.pull(out, now);
      levels.push(levelOf(out));
    }
    expect(levels[20]).toBeGreaterThan(5_000);
    expect(levels[21]).toBeLessThan(quiet.rms * 1.3);
    expect(buffer.stats().concealedMs).toBe(20);
    buffer.push(2, 77, speech, frame, 900);
    buffer.pull(out, 900);
    expect(levelOf(out)).toBe(0);
  });
});
