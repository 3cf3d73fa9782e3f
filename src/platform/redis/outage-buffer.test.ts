import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import { createOutageBuffer } from './outage-buffer.js';

const lingering = () => {
  const clock = manualClock();
  const sent: string[] = [];
  const buffer = createOutageBuffer<string>({
    send: async (lane, items) => void sent.push(`${lane}: ${items.join(' ')}`),
    sizeOf: (item) => item.length,
    squeeze: (before, item) => ({ item: before ?? item, lost: 1 }),
    clock,
    log: silentLogger,
    linger: 10,
  });
  return { clock, sent, buffer };
};

describe('items that may linger', () => {
  it('leave with the next one that may not, in their order and in one batch', async () => {
    const { sent, buffer } = lingering();
    void buffer.push('a', 'ringing', { patient: true });
    void buffer.push('a', 'answered', { patient: true });
    expect(sent).toEqual([]);
    await buffer.push('a', 'ended');
    expect(sent).toEqual(['a: ringing answered ended']);
  });

  it('leave by themselves when nothing follows, those of all lanes at once', async () => {
    const { clock, sent, buffer } = lingering();
    const written = [buffer.push('a', 'one', { patient: true }), buffer.push('b', 'two', { patient: true })];
    clock.advance(9);
    expect(sent).toEqual([]);
    clock.advance(1);
    await Promise.all(written);
    expect(sent).toEqual(['a: one', 'b: two']);
  });

  it('are sent at once by whoever waits for their lane, and the lane is kept until then', async () => {
    const { sent, buffer } = lingering();
    void buffer.push('a', 'last', { patient: true });
    expect(buffer.retire('a')).toBe(false);
    await buffer.drained('a');
    expect(sent).toEqual(['a: last']);
    expect(buffer.retire('a')).toBe(true);
  });

  it('stay while the store is away and go out first when it is back', async () => {
    const { clock, sent, buffer } = lingering();
    buffer.hold();
    void buffer.push('a', 'one', { patient: true });
    const last = buffer.push('a', 'two');
    clock.advance(1_000);
    expect(sent).toEqual([]);
    buffer.resume('a');
    await last;
    expect(sent).toEqual(['a: one two']);
  });
});
