import type { Clock } from '../../core/clock.js';
import {
  loadScript,
  orgKey,
  type RedisConnection,
  replyFields,
  replyList,
  replyText,
  replyTextOrNull,
} from '../../platform/redis/index.js';
import type { RunRecorder } from './ports.js';
import { matchesRunFilter, type RunFilter, type RunRecord } from './runs.js';

/** What lists, filters and counts need of a run: everything but what was sent and received. */
export type RunHead = Omit<RunRecord, 'request' | 'response' | 'timing' | 'notes' | 'organizationId'> & {
  readonly method: string | null;
  readonly url: string | null;
};

export type RunPage = { readonly items: readonly RunHead[]; readonly next: string | null };

/** The run history of all organizations. What is recorded has been redacted already. */
export type RunStore = RunRecorder & {
  record(run: RunRecord): Promise<void>;
  /** Newest first. `cursor` is what an earlier page gave as `next`. */
  list(orgId: string, filter: RunFilter, page: { readonly limit: number; readonly cursor?: string }): Promise<RunPage>;
  /** Every run that fits, newest first: at most `runsKept`. */
  all(orgId: string, filter: RunFilter): Promise<readonly RunHead[]>;
  get(orgId: string, id: string): Promise<RunRecord | null>;
  /** The whole records of these runs, in this order; those that are gone meanwhile are left out. */
  records(orgId: string, ids: readonly string[]): Promise<readonly RunRecord[]>;
};

/** Runs an organization's history holds; the oldest go first. */
export const runsKept = 5_000;
/** Characters of a body that are kept. */
const bodyKept = 8_192;
/** Entries read from Redis at a time. */
const batch = 500;
/** ms between the start of a run and its entry at most: the longest action, retries and an outage of Redis. */
const lateness = 180_000;

const addScript = loadScript(import.meta.url, './scripts/add-run.lua');
const streamKey = (orgId: string): string => orgKey(orgId, 'runs');
const detailsKey = (orgId: string): string => orgKey(orgId, 'run-details');

const cut = (text: string): string =>
  text.length <= bodyKept
    ? text
    : `${text.slice(0, bodyKept)}\n[${text.length - bodyKept} more characters were not kept.]`;

const kept = (run: RunRecord): RunRecord => ({
  ...run,
  request:
    run.request === null ? null : { ...run.request, body: run.request.body === null ? null : cut(run.request.body) },
  response: run.response === null ? null : { ...run.response, body: cut(run.response.body) },
});

const headOf = (run: RunRecord): RunHead => {
  const { request, response: _response, timing: _timing, notes: _notes, organizationId: _organization, ...head } = run;
  return { ...head, method: request?.method ?? null, url: request?.url ?? null };
};

type Entry = { readonly at: string; readonly head: RunHead };

const entriesOf = (reply: ReturnType<typeof replyList>): Entry[] =>
  reply.map((entry) => {
    const [at, fields] = replyList(entry);
    const head: RunHead = JSON.parse(replyText(replyFields(fields).get('head')));
    return { at: replyText(at), head };
  });

/**
 * Run history in Redis: a bounded stream of heads for lists and counts, and a hash of whole records, which are read
 * only when one is looked at or exported. Both live as long as the newest run is younger than `retention` ms.
 */
export const createRunStore = (options: {
  readonly redis: RedisConnection;
  readonly clock: Clock;
  readonly retention: number;
  readonly most?: number;
}): RunStore => {
  const { redis, clock, retention, most = runsKept } = options;

  /** Batches of the stream, newest first, from below `cursor` on. */
  const scan = async function* (orgId: string, filter: RunFilter, cursor?: string): AsyncGenerator<Entry> {
    const oldest = filter.from === undefined ? '-' : String(Math.max(0, Math.floor(filter.from - lateness)));
    const newest = filter.to === undefined ? '+' : String(Math.max(0, Math.ceil(filter.to + lateness)));
    let from = cursor === undefined ? newest : `(${cursor}`;
    for (;;) {
      const reply = await redis.command('XREVRANGE', streamKey(orgId), from, oldest, 'COUNT', batch);
      const entries = entriesOf(replyList(reply));
      for (const entry of entries) if (matchesRunFilter(entry.head, filter)) yield entry;
      const last = entries.at(-1);
      if (entries.length < batch || last === undefined) return;
      from = `(${last.at}`;
    }
  };

  return {
    async record(run) {
      const { organizationId: orgId, id } = run;
      const whole = kept(run);
      await redis.run(
        addScript,
        [streamKey(orgId), detailsKey(orgId)],
        [id, JSON.stringify(headOf(whole)), JSON.stringify(whole), most, clock.now() - retention, retention],
      );
    },
    async list(orgId, filter, { limit, cursor }) {
      const items: RunHead[] = [];
      let last: string | null = null;
      for await (const { at, head } of scan(orgId, filter, cursor)) {
        if (items.length === limit) return { items, next: last };
        items.push(head);
        last = at;
      }
      return { items, next: null };
    },
    async all(orgId, filter) {
      const heads: RunHead[] = [];
      for await (const { head } of scan(orgId, filter)) heads.push(head);
      return heads;
    },
    async get(orgId, id) {
      const text = replyTextOrNull(await redis.command('HGET', detailsKey(orgId), id));
      return text === null ? null : JSON.parse(text);
    },
    async records(orgId, ids) {
      const found: RunRecord[] = [];
      for (let at = 0; at < ids.length; at += batch) {
        const reply = replyList(await redis.command('HMGET', detailsKey(orgId), ...ids.slice(at, at + batch)));
        for (const each of reply) {
          const text = replyTextOrNull(each);
          if (text !== null) found.push(JSON.parse(text));
        }
      }
      return found;
    },
  };
};
