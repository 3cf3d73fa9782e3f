import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/errors.js';
import { newToken } from '../../core/ids.js';
import type { Logger } from '../../core/logger.js';
import type { RedisConnection } from './connection.js';
import { orgKey } from './keys.js';
import { replyTextOrNull } from './reply.js';
import { loadScript } from './script.js';

/** Which request an answer belongs to. */
export type KeptRequest = {
  /** Empty for operators. */
  readonly organization: string;
  /** Who asked, and the key given. */
  readonly key: string;
  /** Of everything that was asked. */
  readonly fingerprint: string;
};

/** Answers by Idempotency-Key, shared by all instances on one Redis. */
export type KeptAnswers = {
  /**
   * The answer of the first request with this key, on whichever instance it was; `make` is called when there was none. A
   * request under way is waited for. A first request that was refused leaves nothing behind: nothing was done. What comes of
   * Redis is the answer as JSON. Throws GatewayError conflict when the key belongs to another request, or to one that is
   * still under way after `patience`; store_unavailable, with nothing done, when Redis does not answer.
   */
  once<Answer>(request: KeptRequest, make: () => Promise<Answer>): Promise<Answer>;
};

export type KeptAnswersOptions = {
  readonly redis: Pick<RedisConnection, 'command' | 'run'>;
  /** Answers hold what is shown once, such as API keys: they lie in Redis sealed. */
  readonly vault: {
    sealBytes(scope: { organization: string; kind: string; name: string }, plain: Buffer): string;
    openBytes(scope: { organization: string; kind: string; name: string }, sealed: string): Buffer;
  };
  readonly clock: Clock;
  readonly log: Logger;
  /** ms an answer is remembered; default ten minutes. */
  readonly keep?: number;
  /** Answers an organization has kept at once, the oldest go first; default 1,000. */
  readonly most?: number;
  /** ms a request waits for the one before it; default 20,000. */
  readonly patience?: number;
};

const claimScript = loadScript(import.meta.url, './scripts/keep-claim.lua');
const settleScript = loadScript(import.meta.url, './scripts/keep-settle.lua');

/** ms between two looks at a request under way. */
const looks = { first: 50, last: 500 };
/** Bytes of an answer that is kept. */
const largest = 1_048_576;
const claimForm = /^running (\S+) \S+$/;
const otherRequest = (): GatewayError =>
  new GatewayError('conflict', 'This Idempotency-Key was used for another request.');

type Running = { readonly fingerprint: string; readonly answer: Promise<unknown> };

/** An instance that is lost in the middle of a request leaves its claim: nobody knows what was done, so it is not done again. */
export const createKeptAnswers = (options: KeptAnswersOptions): KeptAnswers => {
  const { redis, vault, clock, log, keep = 600_000, most = 1_000, patience = 20_000 } = options;
  const running = new Map<string, Running>();

  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  /** `kept` is empty when nothing shall be left. */
  const settle = async (place: string, claim: string, kept: string): Promise<void> => {
    try {
      await redis.run(settleScript, [place], [claim, kept, keep]);
    } catch (error) {
      // What was done is done. The claim stays, and keeps others from doing it again.
      log.warn({ err: error, key: place }, 'What became of a request could not be kept for its key.');
    }
  };

  const first = async <Answer>(place: string, request: KeptRequest, claim: string, make: () => Promise<Answer>) => {
    let answer: Answer;
    try {
      answer = await make();
    } catch (error) {
      await settle(place, claim, '');
      throw error;
    }
    const scope = { organization: request.organization, kind: 'kept-answer', name: place };
    const text = Buffer.from(JSON.stringify([request.fingerprint, answer]));
    // Under its claim the answer is not given again, and nothing is done again either.
    if (text.length <= largest) await settle(place, claim, vault.sealBytes(scope, text));
    return answer;
  };

  /** What another instance, or an earlier request, has left under the key. */
  const earlier = <Answer>(place: string, { organization, fingerprint }: KeptRequest, kept: string) => {
    const [, claimed] = claimForm.exec(kept) ?? [];
    if (claimed !== undefined) {
      if (claimed !== fingerprint) throw otherRequest();
      return null;
    }
    const scope = { organization, kind: 'kept-answer', name: place };
    // Only instances of this gateway, which have the key, can have sealed it.
    const [asked, answer] = JSON.parse(vault.openBytes(scope, kept).toString()) as [string, Answer];
    if (asked !== fingerprint) throw otherRequest();
    return { answer };
  };

  const answerOf = async <Answer>(
    place: string,
    request: KeptRequest,
    make: () => Promise<Answer>,
  ): Promise<Answer> => {
    const { organization, fingerprint } = request;
    const claim = `running ${fingerprint} ${newToken(16)}`;
    const deadline = clock.monotonic() + patience;
    for (let wait = looks.first; ; wait = Math.min(wait * 2, looks.last)) {
      const keys = [place, orgKey(organization, 'kept-answers')];
      const kept = await redis
        .run(claimScript, keys, [claim, clock.now(), keep, most])
        .then(replyTextOrNull, async (error: unknown) => {
          // The answer may be all that was lost, and nothing will be done under this claim.
          await settle(place, claim, '');
          throw error;
        });
      if (kept === null) return first(place, request, claim, make);
      const found = earlier<Answer>(place, request, kept);
      if (found !== null) return found.answer;
      if (clock.monotonic() >= deadline) {
        throw new GatewayError(
          'conflict',
          'What the first request with this Idempotency-Key came to is not known: it is still under way, its instance was lost, or its answer was too large to keep. See what it has done before you ask with another key.',
        );
      }
      await pause(wait);
    }
  };

  return {
    once<Answer>(request: KeptRequest, make: () => Promise<Answer>): Promise<Answer> {
      const name = createHash('sha256').update(request.key).digest('base64url');
      const place = orgKey(request.organization, 'kept-answer', name);
      const before = running.get(place);
      if (before !== undefined) {
        // The key is that of one kind of request, so its answer is of one kind.
        if (before.fingerprint === request.fingerprint) return before.answer as Promise<Answer>;
        return Promise.reject(otherRequest());
      }
      const answer = answerOf(place, request, make).finally(() => running.delete(place));
      running.set(place, { fingerprint: request.fingerprint, answer });
      return answer;
    },
  };
};
