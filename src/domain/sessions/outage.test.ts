import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { openTestStore, sessionDraft, type TestStore } from '../../../test/support/sessions.js';
import { until } from '../../../test/support/until.js';
import type { OwnedSession } from './ports.js';
import { sessionScripts } from './scripts.js';

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
  await Promise.all(opened.map((each) => each.close()));
  await server.stop();
});

const goesDown = (each: TestStore) => until('Redis to be seen as gone', () => !each.redis.isUp());

/** The digits noted on the timeline, in order, and the other types. */
const digits = async (each: TestStore, owned: OwnedSession): Promise<{ digits: number[]; others: string[] }> => {
  const timeline = await each.store.timeline('acme', owned.id);
  return {
    digits: timeline.filter((entry) => entry.type === 'dtmf.received').map((entry) => Number(entry.data.n)),
    others: timeline.filter((entry) => entry.type !== 'dtmf.received').map((entry) => entry.type),
  };
};

const counting = (to: number): number[] => Array.from({ length: to }, (_, index) => index);

/** Notes numbers 0, 1, 2 … on a session, one each few milliseconds, until stopped; says how many there were. */
const noteOnAndOn = (owned: OwnedSession): (() => number) => {
  let n = 0;
  const timer = setInterval(() => owned.note('dtmf.received', { n: n++ }), 3);
  return () => {
    clearInterval(timer);
    return n;
  };
};

describe('Redis away in a call', () => {
  it('stopped for a while: nothing is lost, nothing is there twice, the order is kept', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    const stop = noteOnAndOn(owned);
    await until('some notes', async () => (await digits(one, owned)).digits.length > 5);
    server.pause();
    await goesDown(one);
    const answered = owned.change({ status: 'active', answeredAt: 7 });
    await until('the outage to last', () => one.store.stats().pendingItems > 100);
    expect(owned.snapshot.status).toBe('active');
    server.resume();
    await answered;
    await until('writes again', async () => (await digits(one, owned)).others.includes('store.restored'));
    const noted = stop();
    await owned.change({ timeline: [] });
    const timeline = await digits(one, owned);
    expect(timeline.digits).toEqual(counting(noted));
    expect(timeline.others).toEqual(['call.received', 'store.lost', 'store.restored']);
    expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
    expect(one.store.stats()).toMatchObject({ pendingItems: 0, pendingBytes: 0 });
  });

  it('killed and started again, three times: nothing is lost, nothing is there twice, the order is kept', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    const stop = noteOnAndOn(owned);
    for (let round = 0; round < 3; round += 1) {
      const before = (await digits(one, owned)).digits.length;
      await until('some notes', async () => (await digits(one, owned)).digits.length > before + 20);
      await server.kill();
      await goesDown(one);
      await server.start();
      await until('Redis', () => one.redis.isUp());
      await owned.change({ timeline: [] });
    }
    const noted = stop();
    await owned.change({ timeline: [] });
    const timeline = await digits(one, owned);
    expect(timeline.digits).toEqual(counting(noted));
    expect(timeline.others.filter((type) => type === 'store.restored')).toHaveLength(3);
    expect(timeline.others).not.toContain('session.revived');
  });

  it('a call that ends meanwhile is ended when Redis is back, in the order of its changes', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    await server.kill();
    await goesDown(one);
    void owned.change({ status: 'active', answeredAt: 1 });
    void owned.change({ status: 'ended', endedAt: 2, endReason: 'caller-hangup' });
    const last = owned.change({ quality: { caller: { mos: 4 } } });
    owned.release();
    await server.start();
    await last;
    expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
    expect(await one.store.liveCount()).toBe(0);
  });

  it('refuses new calls at once', async () => {
    const one = await open(server);
    await server.kill();
    await goesDown(one);
    const begun = performance.now();
    await expect(one.store.create(sessionDraft())).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(performance.now() - begun).toBeLessThan(50);
  });

  it('ends a session whose creation had no answer but was carried out later', async () => {
    const one = await open(server);
    const other = await one.store.create(sessionDraft());
    const draft = sessionDraft();
    server.pause();
    await expect(one.store.create(draft)).rejects.toMatchObject({ code: 'store_unavailable' });
    server.resume();
    const ended = await until('the stray to be ended', async () => {
      const session = one.redis.isUp() ? await one.store.get('acme', draft.id).catch(() => null) : null;
      return session?.status === 'ended' ? session : null;
    });
    expect(ended.endReason).toBe('rejected');
    expect((await one.store.timeline('acme', draft.id)).map((entry) => entry.type)).toEqual([
      ...['call.received', 'call.rejected'],
    ]);
    expect((await one.store.list({ orgId: 'acme', limit: 5, live: true })).items.map((each) => each.id)).toEqual([
      other.id,
    ]);
  });

  it('refresh gives up after its time and leaves what was known', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    await one.store.stampTicket('acme', owned.id, '42', { at: 1, type: 'prefetch.stamped', data: {} });
    server.pause();
    const begun = performance.now();
    expect(await owned.refresh(100)).toBeNull();
    expect(performance.now() - begun).toBeLessThan(250);
    expect(owned.snapshot.zendeskTicketId).toBe('42');
    server.resume();
  });

  it('sends again what Redis had acknowledged and lost with its last moments', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    await owned.change({ timeline: [{ at: 1, type: 'dtmf.received', data: { n: 0 } }] });
    // What a server killed within a second of its last fsync may forget: here by hand, back to before that change.
    await one.redis.command('HSET', `vg:{acme}:session:${owned.id}`, 'seq', 1);
    await one.redis.command('DEL', `vg:{acme}:timeline:${owned.id}`);
    await server.kill();
    await goesDown(one);
    await server.start();
    await until('writes again', async () => {
      return one.redis.isUp() && (await digits(one, owned)).others.includes('store.restored');
    });
    expect((await digits(one, owned)).digits).toEqual([0]);
  });

  it('brings back a session that Redis has lost whole', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    await owned.change({ status: 'active', answeredAt: 3, attributes: { a: { b: 1 } }, transfer: { outcome: 'busy' } });
    await one.store.stampTicket('acme', owned.id, '42', { at: 1, type: 'prefetch.stamped', data: {} });
    await one.redis.command('FLUSHALL');
    await until('the session', async () => (await one.store.get('acme', owned.id)) !== null);
    expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
    expect((await one.store.timeline('acme', owned.id)).map((entry) => entry.type)).toEqual(['session.revived']);
    expect((await one.store.liveByCaller('acme', '+14155550123')).map((each) => each.id)).toEqual([owned.id]);
    expect((await one.store.list({ orgId: 'acme', limit: 5, ticket: '42' })).items).toHaveLength(1);
    await owned.change({ status: 'ended', endedAt: 9, endReason: 'agent-hangup' });
    expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
    const next = await one.store.create(sessionDraft());
    expect(next.snapshot.ticketNumber).toBe(owned.snapshot.ticketNumber + 1);
  });

  it('at the bound of what is kept state is complete, and the timeline says how many entries were lost', async () => {
    const one = await open(server, { buffer: { maxItems: 50 } });
    const owned = await one.store.create(sessionDraft());
    await server.kill();
    await goesDown(one);
    for (let n = 0; n < 500; n += 1) {
      void owned.change({
        attributes: { [`k${n % 3}`]: n, gone: n % 2 === 0 ? 'x' : null },
        timeline: [{ at: n, type: 'dtmf.received', data: { n } }],
      });
    }
    const last = owned.change({ status: 'active', answeredAt: 500 });
    expect(one.store.stats().pendingItems).toBe(50);
    await server.start();
    await last;
    await until('writes again', async () => (await digits(one, owned)).others.includes('store.restored'));
    expect((await one.store.get('acme', owned.id))?.attributes).toEqual({ k0: 498, k1: 499, k2: 497 });
    expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
    const timeline = await one.store.timeline('acme', owned.id);
    const kept = timeline.filter((entry) => entry.type === 'dtmf.received').map((entry) => entry.data.n);
    expect(kept).toEqual(counting(kept.length));
    const restored = timeline.find((entry) => entry.type === 'store.restored');
    expect(restored?.data.lostEntries).toBe(500 - kept.length);
    expect(kept.length).toBeGreaterThan(40);
  });

  it('stays within the bound in bytes, too', async () => {
    const one = await open(server, { buffer: { maxBytes: 100_000 } });
    const all = await Promise.all([0, 1, 2, 3].map(() => one.store.create(sessionDraft())));
    await server.kill();
    await goesDown(one);
    for (let n = 0; n < 2_000; n += 1) all[n % 4]?.note('agent.said', { text: 'x'.repeat(200) });
    expect(one.store.stats().pendingBytes).toBeLessThan(101_000);
    await server.start();
    await Promise.all(all.map((owned) => owned.change({ status: 'active', answeredAt: 1 })));
    for (const owned of all) expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
  });

  it('a full memory of Redis delays writes and loses none', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    await one.redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const late = owned.change({ status: 'active', answeredAt: 1 });
    owned.note('dtmf.received', { n: 0 });
    await expect(one.store.create(sessionDraft())).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(one.store.stats().pendingItems).toBeGreaterThan(0);
    await one.redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await late;
    await owned.change({ timeline: [] });
    expect((await digits(one, owned)).digits).toEqual([0]);
  });
});

describe('the change script', () => {
  it('passes over changes that were applied before, alone and among new ones', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    const { instanceId } = owned.snapshot;
    const send = (...numbers: number[]) =>
      one.redis.run(
        sessionScripts.change,
        [`vg:{acme}:session:${owned.id}`],
        [
          ...['vg:{acme}:', owned.id, instanceId, 60_000],
          ...numbers.flatMap((n) => [n, 1, 'attempts', n, 0, 1, n, 'dtmf.received', `{"n":${n}}`]),
        ],
      );
    expect(await send(2, 3)).toEqual(['ok', '3', '']);
    expect(await send(2, 3)).toEqual(['ok', '3', '']);
    expect(await send(2, 3, 4)).toEqual(['ok', '4', '']);
    expect((await digits(one, owned)).digits).toEqual([2, 3, 4]);
    expect((await one.store.get('acme', owned.id))?.attempts).toBe(4);
  });

  it('takes nothing from an instance that does not own the session', async () => {
    const one = await open(server);
    const owned = await one.store.create(sessionDraft());
    const args = ['vg:{acme}:', owned.id, 'another', 60_000, 2, 1, 'status', 'ended', 0, 0];
    expect(await one.redis.run(sessionScripts.change, [`vg:{acme}:session:${owned.id}`], args)).toEqual([
      'foreign',
      '1',
      '',
    ]);
    expect(await one.store.get('acme', owned.id)).toEqual(owned.snapshot);
  });
});
