import { describe, expect, it } from 'vitest';
import { manualClock } from '../../core/manual-clock.js';
import { createReplays } from './replays.js';

describe('answers by Idempotency-Key', () => {
  it('gives the first answer again and does nothing a second time, also while the first is under way', async () => {
    const replays = createReplays<number>(manualClock());
    let made = 0;
    const make = async (): Promise<number> => {
      made += 1;
      return made;
    };
    const answers = await Promise.all([replays.once('k', 'zendesk', make), replays.once('k', 'zendesk', make)]);
    expect([...answers, await replays.once('k', 'zendesk', make), made]).toEqual([1, 1, 1, 1]);
    expect(await replays.once('other', 'zendesk', make)).toBe(2);
  });

  it('refuses a key that was used for something else', async () => {
    const replays = createReplays<number>(manualClock());
    await replays.once('k', 'zendesk', async () => 1);
    await expect(replays.once('k', 'owner', async () => 2)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('keeps nothing of a request that was refused', async () => {
    const replays = createReplays<number>(manualClock());
    await expect(replays.once('k', 'zendesk', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await replays.once('k', 'zendesk', async () => 2)).toBe(2);
  });

  it('forgets after its time, and the oldest when there are too many', async () => {
    const clock = manualClock();
    const replays = createReplays<number>(clock, { keep: 1_000, most: 2 });
    for (const [index, key] of ['a', 'b', 'c'].entries()) await replays.once(key, '', async () => index);
    expect(await replays.once('c', '', async () => 9)).toBe(2);
    expect(await replays.once('a', '', async () => 9)).toBe(9);
    clock.advance(1_000);
    expect(await replays.once('c', '', async () => 8)).toBe(8);
  });
});
