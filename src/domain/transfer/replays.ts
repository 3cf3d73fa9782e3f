import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';

/** Answers kept by Idempotency-Key, so that a request that is repeated does nothing a second time. */
export type Replays<Answer> = {
  /**
   * The answer of the first request with this key; `make` is called when there was none. A first request that was
   * refused leaves nothing behind: nothing was done. Throws GatewayError conflict when the key belongs to another request.
   */
  once(key: string, fingerprint: string, make: () => Promise<Answer>): Promise<Answer>;
};

type Kept<Answer> = { readonly fingerprint: string; readonly answer: Promise<Answer>; readonly at: number };

/** `keep`: ms an answer is remembered; `most`: how many at once, the oldest go first. */
export const createReplays = <Answer>(
  clock: Clock,
  { keep = 600_000, most = 10_000 }: { readonly keep?: number; readonly most?: number } = {},
): Replays<Answer> => {
  // In the order in which they came, which is the order in which they expire.
  const kept = new Map<string, Kept<Answer>>();
  const forgetOld = (): void => {
    const limit = clock.monotonic() - keep;
    for (const [key, { at }] of kept) {
      if (at > limit && kept.size < most) return;
      kept.delete(key);
    }
  };
  return {
    once(key, fingerprint, make) {
      forgetOld();
      const before = kept.get(key);
      if (before !== undefined) {
        if (before.fingerprint === fingerprint) return before.answer;
        return Promise.reject(new GatewayError('conflict', 'This Idempotency-Key was used for another request.'));
      }
      const answer = make();
      const entry: Kept<Answer> = { fingerprint, answer, at: clock.monotonic() };
      kept.set(key, entry);
      answer.catch(() => {
        if (kept.get(key) === entry) kept.delete(key);
      });
      return answer;
    },
  };
};
