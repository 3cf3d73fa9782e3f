import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisCluster, startRedisCluster } from '../../../test/support/redis-cluster.js';
import { sessionDraft, shortTimes } from '../../../test/support/sessions.js';
import { until } from '../../../test/support/until.js';
import { systemClock } from '../../core/clock.js';
import { silentLogger } from '../../core/logger.js';
import {
  connectRedis,
  createCommandBus,
  createKeptAnswers,
  eraseOrganization,
  orgKey,
  type RedisConnection,
} from '../../platform/redis/index.js';
import { createVault, parseKeyRing } from '../../platform/vault/index.js';
import { createSessionStore, type SessionStoreRuntime } from './store.js';

let cluster: RedisCluster;
const closing: (() => Promise<unknown>)[] = [];

const open = async (): Promise<{ redis: RedisConnection; store: SessionStoreRuntime }> => {
  const redis = connectRedis({ url: cluster.url, log: silentLogger });
  await redis.ready(10_000);
  const store = createSessionStore({ redis, instanceId: randomUUID(), log: silentLogger, times: shortTimes });
  await store.start();
  closing.push(async () => {
    await store.stop(500);
    await redis.close();
  });
  return { redis, store };
};

beforeAll(async () => {
  cluster = await startRedisCluster();
}, 90_000);
afterAll(async () => {
  for (const close of closing) await close();
  await cluster?.stop();
});

describe('on a Redis Cluster of three nodes', () => {
  it('sessions of organizations in all its slots are made, changed, stamped, found, listed and ended', async () => {
    const a = await open();
    const b = await open();
    const orgs = Array.from({ length: 12 }, (_, index) => `org-${index}`);
    for (const orgId of orgs) {
      const owned = await a.store.create(sessionDraft({ orgId }));
      await owned.change({ status: 'active', answeredAt: 1, attributes: { a: 1 } });
      expect(await b.store.stampTicket(orgId, owned.id, '7', { at: 1, type: 'prefetch.stamped', data: {} })).toEqual({
        ...{ result: 'stamped', ticketId: '7' },
      });
      await until('the stamp to be seen', () => owned.snapshot.zendeskTicketId === '7');
      await b.store.note(orgId, owned.id, { at: 2, type: 'contact.enriched', data: {} });
      expect(await b.store.get(orgId, owned.id)).toEqual(owned.snapshot);
      expect((await b.store.bySipCallId(orgId, owned.snapshot.sipCallId))?.id).toBe(owned.id);
      expect(await b.store.locate(owned.id)).toEqual({ orgId, instanceId: owned.snapshot.instanceId });
      expect((await b.store.liveByCaller(orgId, '+14155550123')).map((each) => each.id)).toEqual([owned.id]);
      expect((await b.store.list({ orgId, limit: 5, ticket: '7' })).items).toHaveLength(1);
      expect(await b.store.timeline(orgId, owned.id)).toHaveLength(3);
    }
    expect(await b.store.liveCount()).toBe(12);
    // Instance a is taken for dead: every organization's sessions are found and ended, on whichever node they are.
    const doomed = await a.store.create(sessionDraft({ orgId: orgs[0] as string }));
    await a.store.stop(500);
    await a.redis.command('ZADD', 'vg:{@instances}:beats', 1, doomed.snapshot.instanceId);
    await until('the sessions to be ended', async () => (await b.store.liveCount()) === 0);
    for (const orgId of orgs) {
      const [session] = (await b.store.list({ orgId, limit: 5, endReason: 'instance-lost' })).items;
      expect(session?.status).toBe('ended');
    }
  });

  it('answers are kept and organizations erased on whichever node they are, and nothing of others', async () => {
    const [one, other] = [await open(), await open()];
    const vault = createVault(parseKeyRing(`k:${randomBytes(32).toString('base64')}`));
    const [first, second] = [one, other].map(({ redis }) =>
      createKeptAnswers({ redis, vault, clock: systemClock, log: silentLogger }),
    );
    const orgs = Array.from({ length: 6 }, (_, index) => `erased-${index}`);
    for (const organization of orgs) {
      const request = { organization, key: 'k', fingerprint: 'f' };
      expect(await first?.once(request, async () => 1)).toBe(1);
      expect(await second?.once(request, async () => 2)).toBe(1);
      await one.store.create(sessionDraft({ orgId: organization }));
    }
    for (const orgId of orgs.slice(1)) {
      expect(await eraseOrganization(one.redis, orgId, orgKey(orgId, 'directory'))).toBeGreaterThan(3);
      expect((await other.store.list({ orgId, limit: 5 })).items).toEqual([]);
    }
    expect((await other.store.list({ orgId: 'erased-0', limit: 5 })).items).toHaveLength(1);
  });

  it('commands reach the instance that serves them', async () => {
    const [asking, serving] = [await open(), await open()];
    const one = createCommandBus({ redis: asking.redis, log: silentLogger });
    const other = createCommandBus({ redis: serving.redis, log: silentLogger });
    await other.serve('owner', async (name, payload) => ({ name, payload }));
    expect(await one.request('owner', 'hangup', { id: 1 }, { timeout: 5_000 })).toEqual({
      ...{ name: 'hangup', payload: { id: 1 } },
    });
    await expect(one.request('nobody', 'hangup', {}, { timeout: 100 })).rejects.toMatchObject({
      code: 'owner_unreachable',
    });
    one.close();
    other.close();
  });
});
