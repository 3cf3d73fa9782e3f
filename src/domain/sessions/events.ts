import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logger.js';
import {
  orgKey,
  type RedisConnection,
  type RedisReply,
  replyFields,
  replyList,
  replyText,
} from '../../platform/redis/index.js';
import { sessionKeys } from './keys.js';

/** One timeline entry as it is told to those who follow. */
export type SessionEvent = {
  /** Where to go on from: of the organization, or of the one session that is followed. */
  readonly id: string;
  readonly sessionId: string;
  /** ms since the epoch. */
  readonly at: number;
  readonly type: string;
  readonly data: unknown;
};

/** `quiet`: nothing happened for a while. `gap`: events are lost that cannot be had any more; what is listed must be read anew. */
export type Followed = SessionEvent | 'quiet' | 'gap';

export type SessionEvents = {
  /**
   * What happens in an organization, or in one of its sessions (`sessionId`, then from its beginning), after the event
   * `after`. Ends when `signal` aborts, and by itself when its reader falls far behind: it may come again with the last
   * id it has read. Throws GatewayError store_unavailable.
   */
  follow(
    what: { readonly orgId: string; readonly sessionId: string | null; readonly after: string | null },
    signal: AbortSignal,
  ): AsyncGenerator<Followed, void, void>;
};

/** Events kept for a reader that does not keep up. */
const mostWaiting = 1_000;
/** ms between signs of life. */
const quietFor = 15_000;
/** Entries of one read when a reader catches up. */
const batch = 500;
const idForm = /^\d{1,16}-\d{1,16}$/;

type Told = SessionEvent & { readonly entry: string };

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** `<event id> <session> <entry id> <at> <type> <data>`, as shared.lua writes it. */
const readMessage = (message: string): Told | null => {
  const found = /^(\S+) (\S+) (\S+) (\d+) (\S+) (.*)$/s.exec(message);
  if (found === null) return null;
  const [, id = '', sessionId = '', entry = '', at, type = '', data = ''] = found;
  return { id, sessionId, entry, at: Number(at), type, data: jsonOf(data) };
};

const isAfter = (id: string, last: string): boolean => {
  const [a = 0, b = 0] = id.split('-').map(Number);
  const [c = 0, d = 0] = last.split('-').map(Number);
  return a > c || (a === c && b > d);
};

/** Events of sessions, told by whichever instance they happen on, to followers on any. */
export const createSessionEvents = ({
  redis,
  clock,
  log,
}: {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly log: Logger;
}): SessionEvents => {
  const read = async (key: string, sessionId: string | null, after: string): Promise<readonly SessionEvent[]> => {
    const reply: RedisReply = await redis.command('XRANGE', key, `(${after}`, '+', 'COUNT', batch);
    return replyList(reply).map((each) => {
      const [id, values] = replyList(each);
      const fields = replyFields(values);
      return {
        ...{ id: replyText(id), sessionId: sessionId ?? fields.get('session') ?? '', at: Number(fields.get('at')) },
        ...{ type: fields.get('type') ?? '', data: jsonOf(fields.get('data') ?? '') },
      };
    });
  };

  /** The id of the first or last entry that is kept; null when there is none. */
  const edge = async (key: string, command: 'XRANGE' | 'XREVRANGE'): Promise<string | null> => {
    const [from, to] = command === 'XRANGE' ? ['-', '+'] : ['+', '-'];
    const [first] = replyList(await redis.command(command, key, from, to, 'COUNT', 1));
    return first === undefined ? null : replyText(replyList(first)[0]);
  };

  return {
    async *follow({ orgId, sessionId, after }, signal) {
      const channel = orgKey(orgId, 'events');
      const key = sessionId === null ? channel : sessionKeys.timeline(orgId, sessionId);
      const waiting: SessionEvent[] = [];
      let behind = false;
      // At the beginning what is kept is read after the subscription stands, so that nothing falls in between; and
      // again when Redis comes back, since what was told meanwhile has been heard by nobody.
      let missed = true;
      let wake: () => void = () => {};
      const off = await redis.subscribe(channel, (message) => {
        const told = readMessage(message);
        if (told === null) {
          log.warn({ organization: orgId, bytes: message.length }, 'An event of a session could not be read.');
          return;
        }
        if (sessionId !== null && told.sessionId !== sessionId) return;
        const { entry, ...event } = told;
        if (waiting.length >= mostWaiting) behind = true;
        else waiting.push(sessionId === null ? event : { ...event, id: entry });
        wake();
      });
      const offUp = redis.on('up', () => {
        missed = true;
        wake();
      });
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        const known = after !== null && idForm.test(after) ? after : null;
        let last: string = known ?? '0-0';
        if (sessionId === null) {
          if (known === null) last = (await edge(key, 'XREVRANGE')) ?? '0-0';
          else {
            const first = await edge(key, 'XRANGE');
            if (first === null || isAfter(first, known)) yield 'gap';
          }
        }
        while (!signal.aborted && !behind) {
          while (missed) {
            missed = false;
            // While Redis is away there is nothing to read; it says when it is back.
            const found: readonly SessionEvent[] = redis.isUp() ? await read(key, sessionId, last) : [];
            for (const event of found) {
              last = event.id;
              yield event;
            }
            if (found.length === batch) missed = true;
          }
          for (const event of waiting.splice(0)) {
            if (!isAfter(event.id, last)) continue;
            last = event.id;
            yield event;
          }
          if (waiting.length > 0 || missed || behind || signal.aborted) continue;
          let timer: { cancel(): void } | undefined;
          const quiet = await new Promise<boolean>((resolve) => {
            wake = () => resolve(false);
            timer = clock.after(quietFor, () => resolve(true));
          });
          timer?.cancel();
          wake = () => {};
          if (quiet) yield 'quiet';
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
        off();
        offUp();
      }
    },
  };
};
