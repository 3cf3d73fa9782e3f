import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { silentLogger } from '../../core/logger.js';
import { connectRedis, type RedisConnection, replyNumber, replyTexts } from '../../platform/redis/index.js';
import { createContactStore, createSessionStore, type SessionDraft, type SessionStoreRuntime } from './index.js';

let server: TestRedis;
let redis: RedisConnection;
let store: SessionStoreRuntime;
let orgId: string;
let startedAt = 1_800_000_000_000;

const draft = (changes: Partial<SessionDraft> = {}): SessionDraft => {
  startedAt += 1;
  return {
    id: randomUUID(),
    orgId,
    agentId: 'support',
    direction: 'inbound',
    caller: { e164: '+14155550123', raw: '+14155550123', display: 'Ada', withheld: false },
    called: '+14155550100',
    sipCallId: `${randomUUID()}@phone.test`,
    profile: 'local',
    startedAt,
    linkContact: true,
    first: { at: startedAt, type: 'call.received', data: { from: 'sip:ada@phone.test' } },
    ...changes,
  };
};

const caller = (e164: string | null) => ({ e164, raw: e164 ?? '', display: null, withheld: e164 === null });

beforeAll(async () => {
  server = await startTestRedis();
  redis = connectRedis({ socketPath: server.socketPath, log: silentLogger });
  await redis.ready(5_000);
});
afterAll(async () => {
  await redis?.close();
  await server?.stop();
});
beforeEach(async () => {
  orgId = `org-${randomUUID()}`;
  store = createSessionStore({ redis, instanceId: randomUUID(), log: silentLogger });
  await store.start();
});
afterEach(async () => {
  await store.stop(1_000);
});

const keysLeft = async (): Promise<string[]> => replyTexts(await redis.command('KEYS', `vg:{${orgId}}:*`)).sort();

describe('the limit of an organization', () => {
  it('is kept over two instances that create at once, and an ended session makes room again', async () => {
    const other = createSessionStore({ redis, instanceId: randomUUID(), log: silentLogger });
    await other.start();
    const limited = { mostLive: 5, linkContact: false };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? store : other).create(draft(limited))),
    );
    const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(made).toHaveLength(5);
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
    expect(new Set(reasons)).toEqual(new Set(['organization_limit']));
    await expect(store.create(draft(limited))).rejects.toThrow('The organization is at its limit of 5 calls.');
    await made[0]?.change({ status: 'ended', endedAt: startedAt, endReason: 'caller-hangup' });
    await store.create(draft(limited));
    // Another organization, and one without a limit, are not asked.
    await store.create(draft({ orgId: `${orgId}-other`, mostLive: 5 }));
    await store.create(draft());
    expect(await store.list({ orgId, limit: 50, live: true })).toMatchObject({ items: { length: 6 } });
    await other.stop(1_000);
  });
});

describe('a session', () => {
  it('is stored whole and read back as it was made', async () => {
    const made = draft();
    const owned = await store.create(made);
    const read = await store.get(orgId, made.id);
    expect(read).toEqual(owned.snapshot);
    const { linkContact: _link, first, ...kept } = made;
    expect(read).toMatchObject({ ...kept, ticketNumber: 1, status: 'ringing', attempts: 0, endedAt: null });
    expect(await store.timeline(orgId, made.id)).toEqual([first]);
  });

  it('carries every change of its owner in order, and reads back as the owner knows it', async () => {
    const made = draft();
    const owned = await store.create(made);
    void owned.change({ status: 'active', answeredAt: 5, timeline: [{ at: 5, type: 'call.answered', data: {} }] });
    owned.note('agent.started', { agent: 'builtin' });
    void owned.change({ attributes: { order_id: 'A-1', nested: { a: [1, null] }, gone: 'x' } });
    void owned.change({ attributes: { gone: null, __proto__x: 1 } });
    void owned.change({ transfer: { outcome: 'busy' }, attempts: 1, authenticatedUser: 'trunk' });
    await owned.change({ status: 'ended', endedAt: 9, endReason: 'caller-hangup', quality: { caller: { mos: 4.2 } } });
    const read = await store.get(orgId, made.id);
    expect(read).toEqual(owned.snapshot);
    expect(read?.attributes).toEqual({ order_id: 'A-1', nested: { a: [1, null] }, __proto__x: 1 });
    expect((await store.timeline(orgId, made.id)).map((entry) => entry.type)).toEqual([
      'call.received',
      'call.answered',
      'agent.started',
    ]);
  });

  it('keeps an attribute named __proto__ as a plain attribute', async () => {
    const owned = await store.create(draft());
    await owned.change({ attributes: JSON.parse('{"__proto__":{"polluted":true}}') });
    const read = await store.get(orgId, owned.id);
    expect(Object.keys(read?.attributes ?? {})).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused a second time under the same id', async () => {
    const made = draft();
    await store.create(made);
    await expect(store.create(made)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is found by Call-ID, by id alone and among the live ones of its caller, newest first', async () => {
    const first = await store.create(draft());
    const second = await store.create(draft({ sipCallId: 'x'.repeat(5_000) }));
    expect((await store.bySipCallId(orgId, first.snapshot.sipCallId))?.id).toBe(first.id);
    expect((await store.bySipCallId(orgId, 'x'.repeat(5_000)))?.id).toBe(second.id);
    expect(await store.bySipCallId('another', first.snapshot.sipCallId)).toBeNull();
    expect(await store.locate(first.id)).toEqual({ orgId, instanceId: first.snapshot.instanceId });
    expect(await store.locate(randomUUID())).toBeNull();
    expect((await store.liveByCaller(orgId, '+14155550123')).map((each) => each.id)).toEqual([second.id, first.id]);
    await first.change({ status: 'ended', endedAt: 1, endReason: 'cancelled' });
    expect((await store.liveByCaller(orgId, '+14155550123')).map((each) => each.id)).toEqual([second.id]);
  });

  it('is not seen by another organization', async () => {
    const owned = await store.create(draft());
    expect(await store.get('another', owned.id)).toBeNull();
    await expect(store.note('another', owned.id, draft().first)).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.stampTicket('another', owned.id, '1', draft().first)).toEqual({
      result: 'missing',
      ticketId: null,
    });
  });

  it('keeps keys apart when organization, caller and Call-ID hold braces and colons', async () => {
    const hostile = draft({ orgId: 'a}:{b', sipCallId: '}:live', caller: caller('+1}{:') });
    const owned = await store.create(hostile);
    expect((await store.get('a}:{b', owned.id))?.sipCallId).toBe('}:live');
    expect((await store.liveByCaller('a}:{b', '+1}{:')).map((each) => each.id)).toEqual([owned.id]);
    expect(await store.get('a', owned.id)).toBeNull();
  });
});

describe('notes of others', () => {
  it('stand between the changes of the owner and are never taken for one of them', async () => {
    const owned = await store.create(draft());
    owned.note('call.ringing');
    await owned.change({ status: 'active', answeredAt: 2 });
    await store.note(orgId, owned.id, { at: 3, type: 'contact.enriched', data: { n: 1 } });
    await store.note(orgId, owned.id, { at: 4, type: 'contact.enriched', data: { n: 2 } });
    await owned.change({ timeline: [{ at: 5, type: 'dtmf.received', data: { digit: '1' } }] });
    expect((await store.timeline(orgId, owned.id)).map((entry) => entry.at)).toHaveLength(5);
    expect((await store.timeline(orgId, owned.id)).map((entry) => entry.type)).toEqual([
      'call.received',
      'call.ringing',
      'contact.enriched',
      'contact.enriched',
      'dtmf.received',
    ]);
  });
});

describe('contacts', () => {
  it('are made once when a hundred sessions of one new caller are created at once', async () => {
    const created = await Promise.all(Array.from({ length: 100 }, () => store.create(draft())));
    expect(new Set(created.map((owned) => owned.contact?.id)).size).toBe(1);
    expect(new Set(created.map((owned) => owned.snapshot.ticketNumber))).toEqual(
      new Set(Array.from({ length: 100 }, (_, index) => index + 1)),
    );
    expect((await keysLeft()).filter((key) => key.includes(':contact:'))).toHaveLength(1);
    const contacts = createContactStore({ redis });
    const contact = created[0]?.contact;
    expect(contact).toMatchObject({ orgId, phone: '+14155550123', name: null, customData: {} });
    expect(await contacts.get(orgId, contact?.id ?? '')).toEqual(contact);
    expect(await contacts.byPhone(orgId, '+14155550123')).toEqual(contact);
  });

  it('are neither made nor found for withheld numbers and numbers that must not be linked', async () => {
    const withheld = await store.create(
      draft({ caller: { e164: '+14155550199', raw: '+14155550199', display: null, withheld: true } }),
    );
    const shared = await store.create(draft({ caller: caller('+14155550198'), linkContact: false }));
    const none = await store.create(draft({ caller: caller(null) }));
    expect([withheld.contact, shared.contact, none.contact]).toEqual([null, null, null]);
    expect([withheld, shared, none].map((owned) => owned.snapshot.contactId)).toEqual([null, null, null]);
    expect((await keysLeft()).filter((key) => key.includes(':contact'))).toEqual([]);
    expect(await store.liveByCaller(orgId, '+14155550199')).toEqual([]);
  });
});

describe('the list', () => {
  const page = async (query: object): Promise<string[]> => {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const found = await store.list({ orgId, limit: 7, ...query, ...(cursor === undefined ? {} : { cursor }) });
      ids.push(...found.items.map((session) => session.id));
      cursor = found.next ?? undefined;
    } while (cursor !== undefined);
    return ids;
  };

  it('gives every session once, newest first, over pages, also when many started in one millisecond', async () => {
    const at = startedAt + 10;
    const drafts = Array.from({ length: 40 }, (_, index) => draft({ startedAt: index < 25 ? at : at + index }));
    for (const each of drafts) await store.create(each);
    const expected = [...drafts].sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? 1 : -1)).map((d) => d.id);
    expect(await page({})).toEqual(expected);
    expect(await page({ limit: 500 })).toEqual(expected);
    expect((await store.list({ orgId, limit: 7 })).items).toHaveLength(7);
    expect(await page({ from: at + 1 })).toEqual(expected.slice(0, 15));
    expect(await page({ to: at })).toEqual(expected.slice(15));
  });

  it('filters by each of live, caller, ticket, reason and outcome of the transfer, and by all of them together', async () => {
    const all = await Promise.all(
      Array.from({ length: 24 }, (_, index) => store.create(draft({ caller: caller(`+1415555010${index % 3}`) }))),
    );
    const outcomes = ['connected', 'busy', null];
    for (const [index, owned] of all.entries()) {
      if (index % 3 !== 2) await owned.change({ transfer: { outcome: outcomes[index % 4] ?? null }, attempts: 1 });
      if (index % 4 === 0) await store.stampTicket(orgId, owned.id, `T${index % 8}`, draft().first);
      if (index % 2 === 0) {
        await owned.change({ status: 'ended', endedAt: index, endReason: index % 6 === 0 ? 'drain' : 'caller-hangup' });
      }
    }
    const want = (test: (index: number) => boolean): Set<string> =>
      new Set(all.filter((_, index) => test(index)).map((owned) => owned.id));
    const got = async (query: object): Promise<Set<string>> => new Set(await page(query));
    expect(await got({ live: true })).toEqual(want((i) => i % 2 === 1));
    expect(await got({ live: false })).toEqual(want((i) => i % 2 === 0));
    expect(await got({ caller: '+14155550101' })).toEqual(want((i) => i % 3 === 1));
    expect(await got({ caller: '+14155550101', live: true })).toEqual(want((i) => i % 3 === 1 && i % 2 === 1));
    expect(await got({ caller: '+14155550101', live: false })).toEqual(want((i) => i % 3 === 1 && i % 2 === 0));
    expect(await got({ ticket: 'T4' })).toEqual(want((i) => i % 8 === 4));
    expect(await got({ ticket: 'T4', caller: '+14155550101' })).toEqual(want((i) => i % 8 === 4 && i % 3 === 1));
    expect(await got({ endReason: 'drain' })).toEqual(want((i) => i % 6 === 0));
    expect(await got({ endReason: 'drain', live: true })).toEqual(new Set());
    expect(await got({ endReason: 'drain', live: false, ticket: 'T0' })).toEqual(want((i) => i % 24 === 0));
    expect(await got({ endReason: 'max-duration' })).toEqual(new Set());
    expect(await got({ outcome: 'busy' })).toEqual(want((i) => i % 3 !== 2 && i % 4 === 1));
    // One that is not decided yet has not failed.
    expect(await got({ outcome: 'not-connected' })).toEqual(want((i) => i % 3 !== 2 && i % 4 === 1));
    expect(await got({ outcome: 'connected', live: false, endReason: 'drain' })).toEqual(
      want((i) => i % 3 !== 2 && i % 12 === 0),
    );
  });

  it('refuses a cursor it did not give out', async () => {
    for (const cursor of ['', 'AAAA', Buffer.from('1 x y').toString('base64url'), '%', 'x'.repeat(3_000)]) {
      await expect(store.list({ orgId, limit: 5, cursor })).rejects.toMatchObject({ code: 'bad_request' });
    }
  });
});

describe('counting', () => {
  it('counts live sessions over organizations', async () => {
    const before = await store.liveCount();
    const one = await store.create(draft());
    await store.create(draft({ orgId: `${orgId}-b` }));
    expect(await store.liveCount()).toBe(before + 2);
    await one.change({ status: 'ended', endedAt: 1, endReason: 'cancelled' });
    expect(await store.liveCount()).toBe(before + 1);
  });
});

describe('a stamp', () => {
  const entry = { at: 1, type: 'prefetch.stamped', data: {} } as const;

  it('is set once, repeated harmlessly, and refused for another ticket and an ended session', async () => {
    const owned = await store.create(draft());
    expect(await store.stampTicket(orgId, owned.id, '100', entry)).toEqual({ result: 'stamped', ticketId: '100' });
    expect(owned.snapshot.zendeskTicketId).toBe('100');
    expect(await store.stampTicket(orgId, owned.id, '100', entry)).toEqual({ result: 'already', ticketId: '100' });
    expect(await store.stampTicket(orgId, owned.id, '200', entry)).toEqual({ result: 'other', ticketId: '100' });
    const ended = await store.create(draft());
    await ended.change({ status: 'ended', endedAt: 1, endReason: 'cancelled' });
    expect(await store.stampTicket(orgId, ended.id, '300', entry)).toEqual({ result: 'ended', ticketId: null });
    expect((await store.timeline(orgId, owned.id)).filter((each) => each.type === 'prefetch.stamped')).toHaveLength(1);
  });

  it('set by another instance is seen by the owner', async () => {
    const owned = await store.create(draft());
    const other = createSessionStore({ redis, instanceId: randomUUID(), log: silentLogger });
    await other.stampTicket(orgId, owned.id, '7', entry);
    await expect.poll(() => owned.snapshot.zendeskTicketId).toBe('7');
    expect((await owned.refresh(1_000))?.zendeskTicketId).toBe('7');
  });
});

describe('an ended session', () => {
  it('is listed while it has a recording, and forgets one file after the other', async () => {
    const [owned, without] = [await store.create(draft()), await store.create(draft())];
    const part = (number: number) => ({
      ...{ part: number, file: `${owned.id}-${number}.wav`, at: 1_800_000_000_123 },
      ...{ store: 'folder', host: 'voice-1' },
    });
    await owned.change({ recordings: [part(1)] });
    await owned.change({ recordings: [part(1), part(2)] });
    const recorded = async () => {
      const { items } = await store.list({ orgId, limit: 10, recorded: true, live: false });
      return items.map(({ id, recordings }) => ({ id, recordings }));
    };
    expect(await recorded()).toEqual([]);
    for (const each of [owned, without]) {
      await each.change({ status: 'ended', endedAt: 1, endReason: 'caller-hangup' });
    }
    expect(await recorded()).toEqual([{ id: owned.id, recordings: [part(1), part(2)] }]);
    const deleted = (file: string) =>
      store.forgetRecording(orgId, owned.id, file, { at: 2, type: 'recording.deleted', data: { file } });
    expect([await deleted(part(1).file), await deleted(part(1).file)]).toEqual([true, false]);
    expect(await recorded()).toEqual([{ id: owned.id, recordings: [part(2)] }]);
    expect(await deleted(part(2).file)).toBe(true);
    expect(await recorded()).toEqual([]);
    expect(await store.get(orgId, owned.id)).toMatchObject({ recordings: [] });
    expect((await store.timeline(orgId, owned.id)).at(-1)).toMatchObject({
      ...{ type: 'recording.deleted', data: { file: part(2).file } },
    });
  });

  it('is removed after its time with every index, and a live one is not', async () => {
    const quick = createSessionStore({
      redis,
      instanceId: randomUUID(),
      log: silentLogger,
      retention: 50,
      times: { sweepInterval: 30 },
    });
    await redis.command('DEL', 'vg:{@instances}:sweeper');
    await quick.start();
    try {
      const ended = await quick.create(draft());
      const live = await quick.create(draft({ caller: caller('+14155550999') }));
      await quick.stampTicket(orgId, ended.id, '55', draft().first);
      void ended.change({ recordings: [{ part: 1, file: 'a.wav', at: 1, store: 's', host: 'h' }] });
      await ended.change({ status: 'ended', endedAt: 1, endReason: 'caller-hangup' });
      ended.release();
      await expect.poll(() => quick.get(orgId, ended.id), { timeout: 5_000 }).toBeNull();
      const left = (await keysLeft()).map((key) => key.slice(orgId.length + 6));
      expect(left.filter((key) => key.includes(ended.id))).toEqual([]);
      expect(left.filter((key) => /^(by-ticket|by-reason|recorded|by-caller:%2B14155550123|expiry)/.test(key))).toEqual(
        [],
      );
      expect(replyTexts(await redis.command('ZRANGE', `vg:{${orgId}}:by-time`, 0, -1))).toEqual([live.id]);
      expect(replyTexts(await redis.command('ZRANGE', `vg:{${orgId}}:live`, 0, -1))).toEqual([live.id]);
      expect(replyNumber(await redis.command('TTL', `vg:{${orgId}}:session:${live.id}`))).toBe(-1);
      expect((await quick.list({ orgId, limit: 10 })).items.map((each) => each.id)).toEqual([live.id]);
    } finally {
      await quick.stop(1_000);
    }
  });
});
