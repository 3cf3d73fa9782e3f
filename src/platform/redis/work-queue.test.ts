import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../core/logger.js';
import { manualClock } from '../../core/manual-clock.js';
import type { RedisConnection } from './connection.js';
import { createWorkQueue, type WorkTries, type WorkVerdict } from './work-queue.js';

/** Lets everything that waits for promises go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** One piece of work that is handled with these verdicts in turn; how often it was begun before, each time. */
const triesOf = async (verdicts: readonly WorkVerdict[]): Promise<readonly WorkTries[]> => {
  const clock = manualClock();
  const seen: WorkTries[] = [];
  let given = false;
  const queue = createWorkQueue({
    ...{ stream: 'work', group: 'g', of: 'a test', instanceId: 'i', clock, log: silentLogger },
    read: (orgId) => ({ id: '1-0', orgId }),
    redis: {
      command: async (name: string) => {
        if (name !== 'XREADGROUP' || given) return null;
        given = true;
        return [['stream', [['1-0', []]]]];
      },
      pipeline: async () => [],
    } as unknown as RedisConnection,
    organizations: async () => [],
    handle: async (_work, tries) => {
      seen.push(tries);
      return verdicts[seen.length - 1] ?? { kind: 'done' };
    },
  });
  queue.wake('acme');
  for (let turn = 0; turn <= verdicts.length; turn += 1) {
    await settle();
    clock.advance(1_000);
  }
  await queue.stop();
  return seen;
};

describe('a piece of work that is put off', () => {
  it('counts what failed apart from what only waited', async () => {
    const failed: WorkVerdict = { kind: 'again', after: 1_000 };
    const waited: WorkVerdict = { kind: 'again', after: 1_000, everything: true, waited: true };
    expect(await triesOf([waited, waited, failed, waited, failed])).toEqual([
      { attempt: 1, waits: 0 },
      { attempt: 1, waits: 1 },
      { attempt: 1, waits: 2 },
      { attempt: 2, waits: 2 },
      { attempt: 2, waits: 3 },
      { attempt: 3, waits: 3 },
    ]);
  });
});
