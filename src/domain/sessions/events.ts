import type { Clock, Timer } from '../../core/clock.js';
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
   * `after`, as much at a time as there is. Ends when `signal` aborts, and by itself when its reader falls far behind: it may come again with the last
   * id it has read. Throws GatewayError store_unavailable.
   */
  follow(
    what: { readonly orgId: string; readonly sessionId: string | null; readonly after: string | null },
    signal: AbortSignal,
  ): AsyncGenerator<readonly Followed[], void, void>;
};

/** Events kept for a reader that does not keep up. */
const mostWaiting = 1_000;
/** ms between signs of life. */
const quietFor = 15_000;
/** Entries of one read when a reader catches up. */
const batch = 500;
/**
 * ms for which what happens is gathered before followers are told, and how many of them are told in one go, a ms apart: a
 * hundred browsers must not stand between a call and its next step.
 */
const gather = 10;
const atOnce = 20;
const idForm = /^\d{1,16}-\d{1,16}$/;

/** One event for all followers: of the organization, and of its session (where it has another id). */
type Told = { readonly ofOrganization: SessionEvent; readonly ofSession: SessionEvent };

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
  const ofOrganization = { id, sessionId, at: Number(at), type, data: jsonOf(data) };
  return { ofOrganization, ofSession: { ...ofOrganization, id: entry } };
};

const isAfter = (id: string, last: string): boolean => {
  // Of the same length they are in the order of their text, since `-` stands before every digit.
  if (id.length === last.length) return id > last;
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

  /** The followers of an organization get one message one after the other: it is read for the first of them. */
  let latest: { readonly message: string; readonly told: Told | null } | null = null;
  const readOnce = (message: string): Told | null => {
    if (latest?.message !== message) latest = { message, told: readMessage(message) };
    return latest.told;
  };

  const due = new Set<() => void>();
  let telling = false;
  const tell = (): void => {
    telling = due.size > atOnce;
    if (telling) clock.after(1, tell);
    let told = 0;
    for (const wake of due) {
      due.delete(wake);
      wake();
      told += 1;
      if (told === atOnce) break;
    }
  };
  const tellLater = (wake: () => void): void => {
    due.add(wake);
    if (telling) return;
    telling = true;
    clock.after(gather, tell);
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
      const wakeUp = (): void => wake();
      const off = await redis.subscribe(channel, (message) => {
        const told = readOnce(message);
        if (told === null) {
          log.warn({ organization: orgId, bytes: message.length }, 'An event of a session could not be read.');
          return;
        }
        if (sessionId !== null && told.ofSession.sessionId !== sessionId) return;
        if (waiting.length >= mostWaiting) behind = true;
        else waiting.push(sessionId === null ? told.ofOrganization : told.ofSession);
        tellLater(wakeUp);
      });
      const offUp = redis.on('up', () => {
        missed = true;
        wake();
      });
      signal.addEventListener('abort', wakeUp, { once: true });
      let said = clock.monotonic();
      let quiet = false;
      let timer: Timer | null = null;
      const watch = (wait: number): void => {
        timer = clock.after(wait, () => {
          const rest = said + quietFor - clock.monotonic();
          if (rest > 0) return watch(rest);
          quiet = true;
          watch(quietFor);
          wake();
        });
      };
      watch(quietFor);
      try {
        const known = after !== null && idForm.test(after) ? after : null;
        let last: string = known ?? '0-0';
        if (sessionId === null) {
          if (known === null) last = (await edge(key, 'XREVRANGE')) ?? '0-0';
          else {
            const first = await edge(key, 'XRANGE');
            if (first === null || isAfter(first, known)) yield ['gap'];
          }
        }
        while (!signal.aborted && !behind) {
          while (missed) {
            missed = false;
            // While Redis is away there is nothing to read; it says when it is back.
            const found: readonly SessionEvent[] = redis.isUp() ? await read(key, sessionId, last) : [];
            last = found.at(-1)?.id ?? last;
            if (found.length > 0) yield found;
            if (found.length === batch) missed = true;
          }
          const fresh: SessionEvent[] = [];
          for (const event of waiting.splice(0)) {
            if (!isAfter(event.id, last)) continue;
            last = event.id;
            fresh.push(event);
          }
          if (fresh.length > 0) {
            said = clock.monotonic();
            yield fresh;
          }
          if (quiet) {
            quiet = false;
            said = clock.monotonic();
            yield ['quiet'];
          }
          if (waiting.length > 0 || missed || behind || signal.aborted) continue;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = () => {};
        }
      } finally {
        signal.removeEventListener('abort', wakeUp);
        due.delete(wakeUp);
        (timer as Timer | null)?.cancel();
        off();
        offUp();
      }
    },
  };
};
