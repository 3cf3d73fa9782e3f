import { describe, expect, it } from 'vitest';
import { createReception } from './reception.js';

/** Receives the packets with these sequence numbers, 20 ms apart on both clocks. */
const receive = (sequences: readonly number[], ssrc = 1) => {
  const reception = createReception(8_000);
  sequences.forEach((sequence, index) => {
    reception.packet(ssrc, sequence & 0xffff, sequence * 160, index * 20);
  });
  return reception;
};
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('reception', () => {
  it('has no report before the first packet', () => {
    expect(createReception(8_000).report()).toBeNull();
    expect(createReception(8_000).figures()).toEqual({ received: 0, lost: 0, late: 0, jitterMs: 0 });
  });

  it('counts a complete stream over the wrap of the sequence number without loss', () => {
    const reception = receive(range(65_000, 67_000));
    expect(reception.figures()).toMatchObject({ received: 2_000, lost: 0, late: 0 });
    expect(reception.report()).toMatchObject({ ssrc: 1, fractionLost: 0, cumulativeLost: 0, highestSequence: 66_999 });
  });

  it('counts what is missing, and in each report the part since the last one', () => {
    const reception = createReception(8_000);
    for (const sequence of range(0, 100))
      if (sequence % 4 !== 1) reception.packet(1, sequence, sequence * 160, sequence * 20);
    expect(reception.report()).toMatchObject({ fractionLost: 64, cumulativeLost: 25 });
    for (const sequence of range(100, 200)) reception.packet(1, sequence, sequence * 160, sequence * 20);
    expect(reception.report()).toMatchObject({ fractionLost: 0, cumulativeLost: 25 });
    expect(reception.figures()).toMatchObject({ received: 175, lost: 25 });
  });

  it('takes a late packet out of the lost ones', () => {
    expect(receive([1, 2, 4, 3, 5]).figures()).toMatchObject({ received: 5, lost: 0, late: 1 });
  });

  it('reports a negative loss when packets come twice, and none in the figures', () => {
    const reception = receive([1, 2, 2, 3]);
    expect(reception.report()).toMatchObject({ fractionLost: 0, cumulativeLost: -1 });
    expect(reception.figures()).toMatchObject({ received: 4, lost: 0 });
  });

  it('does not believe one stray packet', () => {
    expect(receive([1, 2, 30_000, 3, 4]).figures()).toMatchObject({ received: 4, lost: 0 });
  });

  it('believes a sender that begins anew after two packets, and keeps the sums', () => {
    expect(receive([1, 2, 4, ...range(40_000, 40_010)]).figures()).toMatchObject({ received: 13, lost: 1 });
  });

  it('begins anew with another SSRC and keeps the sums', () => {
    const reception = receive([1, 2, 4]);
    for (const sequence of [500, 502]) reception.packet(2, sequence, sequence * 160, sequence);
    expect(reception.report()).toMatchObject({ ssrc: 2, cumulativeLost: 1, highestSequence: 502 });
    expect(reception.figures()).toMatchObject({ received: 5, lost: 2 });
  });

  it('measures no jitter where there is none, also over the wrap of the timestamp', () => {
    const reception = createReception(8_000);
    for (const i of range(0, 200)) reception.packet(1, i, (0xffff_f000 + i * 160) >>> 0, i * 20);
    expect(reception.figures().jitterMs).toBeLessThan(0.01);
  });

  it('measures jitter as RFC 3550 appendix A.8 does', () => {
    const reception = createReception(8_000);
    let expected = 0;
    for (const i of range(0, 500)) {
      reception.packet(1, i, i * 160, i * 20 + (i % 2 === 0 ? 0 : 10));
      if (i > 0) expected += (80 - expected) / 16;
    }
    expect(reception.figures().jitterMs).toBeCloseTo(expected / 8, 3);
    expect(reception.report()?.jitter).toBe(79);
  });

  it('leaves telephone events and jumping clocks out of the jitter', () => {
    const reception = createReception(8_000);
    for (const i of range(0, 50)) reception.packet(1, i, i < 25 ? i * 160 : null, i * 20);
    for (const i of range(50, 100)) reception.packet(1, i, i * 160 + 5_000_000, i * 20);
    expect(reception.figures()).toMatchObject({ received: 100, jitterMs: 0 });
  });
});
