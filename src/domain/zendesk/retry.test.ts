import { describe, expect, it } from 'vitest';
import { ZendeskFailure } from './failure.js';
import { verdictAfter } from './retry.js';

const busy = new ZendeskFailure('busy', 'ticket 1', 'busy', { retryAfter: 7_000 });
const down = new ZendeskFailure('down', 'ticket 1', 'down');

describe('a request to Zendesk that failed', () => {
  it('is tried five times in all, however often it had to wait for the rate limit', () => {
    for (const waits of [0, 19]) {
      for (const attempt of [1, 4]) {
        expect(verdictAfter(down, { attempt, waits })).toMatchObject({ kind: 'again', after: expect.any(Number) });
      }
      expect(verdictAfter(down, { attempt: 5, waits })).toBeNull();
    }
  });

  it('waits as long as it is asked to, at most twenty times, which are no tries', () => {
    const wait = { kind: 'again', after: 7_000, everything: true, waited: true };
    expect(verdictAfter(busy, { attempt: 5, waits: 0 })).toEqual(wait);
    expect(verdictAfter(busy, { attempt: 1, waits: 19 })).toEqual(wait);
    expect(verdictAfter(busy, { attempt: 1, waits: 20 })).toBeNull();
    expect(verdictAfter(down, { attempt: 1, waits: 3 })).not.toHaveProperty('waited');
  });

  it('by anything that does not pass is over', () => {
    expect(verdictAfter(new ZendeskFailure('missing', 'ticket 1', 'gone'), { attempt: 1, waits: 0 })).toBeNull();
    expect(verdictAfter(new Error('ours'), { attempt: 1, waits: 0 })).toBeNull();
  });
});
