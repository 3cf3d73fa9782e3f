import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestRedis, type TestRedis } from '../../../test/support/redis.js';
import { openTestStore, sessionDraft, type TestStore } from '../../../test/support/sessions.js';
import { replyTexts } from '../../platform/redis/index.js';
import type { OwnedSession, StampResult } from './ports.js';

let server: TestRedis;
let stores: TestStore[];

beforeAll(async () => {
  server = await startTestRedis();
  stores = await Promise.all([openTestStore(server), openTestStore(server), openTestStore(server)]);
});
afterAll(async () => {
  await Promise.all(stores.map((each) => each.close()));
  await server.stop();
});

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
const seeded = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

describe.each([1, 2, 3])('a thousand stamps, creations and ends at once (seed %i)', (seed) => {
  it('leave each session with the one ticket that won, one entry for it, and indexes that agree', async () => {
    const random = seeded(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const orgId = `race-${seed}`;
    const owned: OwnedSession[] = [];
    const stamps: { id: string; ticketId: string; result: StampResult }[] = [];
    const wins = new Map<string, string[]>();
    const ended = new Set<string>();
    const running: Promise<unknown>[] = [];
    for (let step = 0; step < 1_000; step += 1) {
      const dice = random();
      if (dice < 0.15 || owned.length === 0) {
        const caller = { e164: `+1415555${1000 + Math.floor(random() * 5)}`, raw: '', display: null, withheld: false };
        owned.push(await pick(stores).store.create(sessionDraft({ orgId, caller })));
      } else if (dice < 0.25) {
        const session = pick(owned);
        ended.add(session.id);
        running.push(session.change({ status: 'ended', endedAt: step, endReason: 'caller-hangup' }));
      } else {
        const { id } = pick(owned);
        const ticketId = String(Math.floor(random() * 3));
        const entry = { at: step, type: 'prefetch.stamped', data: { ticketId } } as const;
        running.push(
          pick(stores)
            .store.stampTicket(orgId, id, ticketId, entry)
            .then((result) => stamps.push({ id, ticketId, result })),
        );
      }
    }
    await Promise.all(running);

    const [first] = stores as [TestStore];
    for (const { id, ticketId, result } of stamps) {
      if (result.result === 'stamped') wins.set(id, [...(wins.get(id) ?? []), ticketId]);
    }
    for (const session of owned) {
      const stored = await first.store.get(orgId, session.id);
      const won = wins.get(session.id) ?? [];
      expect(won.length).toBeLessThanOrEqual(1);
      expect(stored?.zendeskTicketId).toBe(won[0] ?? null);
      expect(stored?.status).toBe(ended.has(session.id) ? 'ended' : 'ringing');
      const entries = (await first.store.timeline(orgId, session.id)).filter((e) => e.type === 'prefetch.stamped');
      expect(entries.map((entry) => entry.data.ticketId)).toEqual(won);
    }
    for (const { id, ticketId, result } of stamps) {
      const winner = wins.get(id)?.[0];
      if (result.result === 'already') expect(ticketId).toBe(winner);
      if (result.result === 'other') expect(result.ticketId).toBe(winner);
      if (result.result === 'other') expect(ticketId).not.toBe(winner);
      if (result.result === 'ended') expect(ended.has(id)).toBe(true);
      expect(result.result).not.toBe('missing');
    }
    const live = new Set(owned.filter((session) => !ended.has(session.id)).map((session) => session.id));
    expect(new Set(replyTexts(await first.redis.command('ZRANGE', `vg:{${orgId}}:live`, 0, -1)))).toEqual(live);
    const byCaller = await Promise.all(
      [0, 1, 2, 3, 4].map((n) => first.store.liveByCaller(orgId, `+1415555${1000 + n}`)),
    );
    expect(new Set(byCaller.flat().map((session) => session.id))).toEqual(live);
    for (const ticket of ['0', '1', '2']) {
      const listed = (await first.store.list({ orgId, limit: 500, ticket })).items.map((session) => session.id);
      expect(new Set(listed)).toEqual(new Set([...wins].filter(([, won]) => won[0] === ticket).map(([id]) => id)));
    }
    const numbers = owned.map((session) => session.snapshot.ticketNumber).sort((a, b) => a - b);
    expect(numbers).toEqual(owned.map((_, index) => index + 1));
  });
});

it('of a thousand stamps with different tickets at once exactly one wins, and all are told which', async () => {
  const [first] = stores as [TestStore];
  const owned = await first.store.create(sessionDraft({ id: randomUUID(), orgId: 'one-winner' }));
  const results = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) =>
      (stores[n % 3] as TestStore).store.stampTicket('one-winner', owned.id, String(n), {
        ...{ at: n, type: 'prefetch.stamped', data: { n } },
      }),
    ),
  );
  expect(results.filter((each) => each.result === 'stamped')).toHaveLength(1);
  expect(new Set(results.map((each) => each.ticketId)).size).toBe(1);
});
