import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endChildren, startChild } from '../../../test/support/child.js';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { openTestStore, sessionDraft, shortTimes, type TestStore } from '../../../test/support/sessions.js';
import type { StoreChildOrder } from '../../../test/support/store-child.js';
import { until } from '../../../test/support/until.js';
import { entryUrl } from '../../core/entry-path.js';
import { replyTexts } from '../../platform/redis/index.js';
import type { OwnedSession } from './ports.js';

const childEntry = entryUrl(import.meta.url, '../../../test/support/store-child.ts');

let server: TestRedis;
let opened: TestStore[];

const open: typeof openTestStore = async (...args) => {
  const made = await openTestStore(...args);
  opened.push(made);
  return made;
};

beforeEach(async () => {
  server = await startTestRedis();
  opened = [];
});
afterEach(async () => {
  await endChildren();
  await Promise.all(opened.map((each) => each.close()));
  await server.stop();
});

const types = async (each: TestStore, id: string): Promise<string[]> =>
  (await each.store.timeline('acme', id)).map((entry) => entry.type);

const order = (changes: Partial<StoreChildOrder> = {}): StoreChildOrder => ({
  ...{ socketPath: server.socketPath, instanceId: randomUUID(), orgId: 'acme', times: shortTimes },
  sessionIds: [randomUUID(), randomUUID(), randomUUID()],
  ...changes,
});

/** Ten beats of an instance: by then it has looked around for sure. */
const tenBeats = async (each: TestStore): Promise<void> => {
  const { instanceId } = (await each.store.create(sessionDraft({ orgId: 'elsewhere' }))).snapshot;
  let last = '';
  let seen = 0;
  await until('ten beats', async () => {
    const score = String(await each.redis.command('ZSCORE', 'vg:{@instances}:beats', instanceId));
    if (score !== last) {
      last = score;
      seen += 1;
    }
    return seen > 10;
  });
};

describe('kill -9 of an instance', () => {
  it('makes another end its sessions as instance-lost and free every index', async () => {
    const reaped: string[] = [];
    const survivor = await open(server, { onReaped: (orgId, id) => reaped.push(`${orgId}/${id}`) });
    const doomed = order();
    const child = await startChild(childEntry, doomed);
    expect(await survivor.store.liveCount()).toBe(3);
    await child.end('SIGKILL');
    await until('the sessions to be ended', async () => (await survivor.store.liveCount()) === 0);
    for (const id of doomed.sessionIds) {
      const session = await survivor.store.get('acme', id);
      expect(session).toMatchObject({ status: 'ended', endReason: 'instance-lost', endedAt: expect.any(Number) });
      expect(await types(survivor, id)).toEqual(['call.received', 'call.ended']);
    }
    expect(reaped.sort()).toEqual(doomed.sessionIds.map((id) => `acme/${id}`).sort());
    expect(await survivor.store.liveByCaller('acme', '+14155550123')).toEqual([]);
    expect((await survivor.store.list({ orgId: 'acme', limit: 10, endReason: 'instance-lost' })).items).toHaveLength(3);
    await until('the instance to be forgotten', async () => {
      const beats = replyTexts(await survivor.redis.command('ZRANGE', 'vg:{@instances}:beats', 0, -1));
      const owners = replyTexts(await survivor.redis.command('SMEMBERS', 'vg:{acme}:owners'));
      return !beats.includes(doomed.instanceId) && !owners.includes(doomed.instanceId);
    });
  });

  it('is noticed by several survivors, who end each session once', async () => {
    const reaped: string[] = [];
    const watching = { onReaped: (_orgId: string, id: string) => void reaped.push(id) };
    const survivors = await Promise.all([open(server, watching), open(server, watching), open(server, watching)]);
    const doomed = order({ sessionIds: Array.from({ length: 50 }, () => randomUUID()) });
    await (await startChild(childEntry, doomed)).end('SIGKILL');
    const first = survivors[0] as TestStore;
    await until('the sessions to be ended', async () => (await first.store.liveCount()) === 0);
    await tenBeats(first);
    expect(reaped.sort()).toEqual([...doomed.sessionIds].sort());
    for (const id of doomed.sessionIds) expect(await types(first, id)).toEqual(['call.received', 'call.ended']);
  });

  it('is found out even when Redis has lost the beats', async () => {
    const survivor = await open(server);
    const doomed = order();
    await (await startChild(childEntry, doomed)).end('SIGKILL');
    await survivor.redis.command('DEL', 'vg:{@instances}:beats');
    await until('the sessions to be ended', async () => (await survivor.store.liveCount()) === 0);
  });

  it('is not believed of an instance that was only stopped: its heartbeat revives its sessions', async () => {
    const survivor = await open(server);
    const stopped = order();
    const child = await startChild(childEntry, stopped);
    process.kill(child.pid, 'SIGSTOP');
    await until('the sessions to be ended', async () => (await survivor.store.liveCount()) === 0);
    process.kill(child.pid, 'SIGCONT');
    await until('the sessions to live', async () => (await survivor.store.liveCount()) === 3);
    for (const id of stopped.sessionIds) {
      expect(await survivor.store.get('acme', id)).toMatchObject({ status: 'ringing', endReason: null, endedAt: null });
      expect(await types(survivor, id)).toEqual(['call.received', 'call.ended', 'session.revived']);
      expect(await survivor.redis.command('TTL', `vg:{acme}:session:${id}`)).toBe(-1);
      expect(await survivor.redis.command('TTL', `vg:{acme}:timeline:${id}`)).toBe(-1);
    }
    expect((await survivor.store.list({ orgId: 'acme', limit: 10, endReason: 'instance-lost' })).items).toEqual([]);
    expect((await survivor.store.list({ orgId: 'acme', limit: 10, live: true })).items).toHaveLength(3);
  });
});

describe('a session ended by mistake', () => {
  it('is revived by the next change of its owner, which is then applied', async () => {
    const owner = await open(server, { times: { ...shortTimes, beatInterval: 60_000 } });
    const owned = await owner.store.create(sessionDraft());
    await owner.redis.command('ZADD', 'vg:{@instances}:beats', 1, owned.snapshot.instanceId);
    const other = await open(server);
    await until('the session to be ended', async () => (await other.store.get('acme', owned.id))?.status === 'ended');
    await owned.change({ status: 'active', answeredAt: 5 });
    expect(await other.store.get('acme', owned.id)).toEqual(owned.snapshot);
    expect(await types(other, owned.id)).toEqual(['call.received', 'call.ended', 'session.revived']);
    await owned.change({ status: 'ended', endedAt: 6, endReason: 'caller-hangup' });
    expect(await other.store.get('acme', owned.id)).toEqual(owned.snapshot);
    expect(await other.store.liveCount()).toBe(0);
  });
});

describe('two instances on one Redis', () => {
  const bothLive = async (a: TestStore, sessions: readonly OwnedSession[]): Promise<void> => {
    for (const owned of sessions) {
      expect(await a.store.get('acme', owned.id)).toMatchObject({ status: 'ringing', endReason: null });
      expect(await types(a, owned.id)).not.toContain('call.ended');
    }
  };

  for (const [how, away, back] of [
    ['stopped far longer than a dead instance is silent', () => server.pause(), () => server.resume()],
    ['killed and started again later', () => server.kill(), () => server.start()],
  ] as const) {
    it(`do not end each other's calls after Redis was ${how}`, async () => {
      const a = await open(server);
      const b = await open(server);
      const sessions = [await a.store.create(sessionDraft()), await b.store.create(sessionDraft())];
      // Both trust Redis by now, and would believe a silence.
      await until('trust', async () => a.redis.isUp());
      await new Promise((resolve) => setTimeout(resolve, shortTimes.trustAfter));
      await away();
      await until('both to see it', () => !a.redis.isUp() && !b.redis.isUp());
      // The outage must outlast the silence that makes an instance dead.
      await new Promise((resolve) => setTimeout(resolve, 3 * shortTimes.deadAfter));
      await back();
      await until('both to be up', () => a.redis.isUp() && b.redis.isUp());
      await tenBeats(a);
      await tenBeats(b);
      await bothLive(a, sessions);
      await until('complete timelines', async () => {
        const all = await Promise.all(sessions.map((owned) => types(a, owned.id)));
        return all.every((each) => each.includes('store.restored'));
      });
      for (const owned of sessions) {
        expect(await types(a, owned.id)).toEqual(['call.received', 'store.lost', 'store.restored']);
      }
    });
  }

  it('still end the calls of one that died while Redis was away, once they trust Redis again', async () => {
    const survivor = await open(server);
    const child = await startChild(childEntry, order());
    await server.kill();
    await child.end('SIGKILL');
    // Read before it starts: a busy machine lets us look long after it was there.
    const back = performance.now();
    await server.start();
    await until('Redis', () => survivor.redis.isUp());
    await until('the sessions to be ended', async () => (await survivor.store.liveCount()) === 0);
    expect(performance.now() - back).toBeGreaterThan(shortTimes.trustAfter - 200);
  });
});

describe('an instance that stops in order', () => {
  it('is not looked for any more', async () => {
    const a = await open(server);
    const b = await openTestStore(server);
    const owned = await b.store.create(sessionDraft());
    await owned.change({ status: 'ended', endedAt: 1, endReason: 'drain' });
    owned.release();
    await b.close();
    expect(replyTexts(await a.redis.command('ZRANGE', 'vg:{@instances}:beats', 0, -1))).not.toContain(
      owned.snapshot.instanceId,
    );
  });

  it('writes what is on its way first', async () => {
    const a = await open(server);
    const b = await openTestStore(server);
    const owned = await b.store.create(sessionDraft());
    for (let n = 0; n < 1_000; n += 1) owned.note('dtmf.received', { n });
    void owned.change({ status: 'ended', endedAt: 1, endReason: 'drain' });
    expect(await b.store.stop(5_000)).toEqual({ unwritten: 0 });
    await b.redis.close();
    expect(await a.store.timeline('acme', owned.id)).toHaveLength(1_001);
    expect((await a.store.get('acme', owned.id))?.status).toBe('ended');
  });
});
