import { randomUUID } from 'node:crypto';
import { silentLogger } from '../../src/core/logger.js';
import {
  createSessionStore,
  type SessionDraft,
  type SessionStoreOptions,
  type SessionStoreRuntime,
} from '../../src/domain/sessions/index.js';
import { connectRedis, type RedisConnection } from '../../src/platform/redis/index.js';

/** A session as a call would make it. */
export const sessionDraft = (changes: Partial<SessionDraft> = {}): SessionDraft => {
  const startedAt = changes.startedAt ?? Date.now();
  return {
    ...{ id: randomUUID(), orgId: 'acme', agentId: 'support', direction: 'inbound', called: '+14155550100' },
    ...{ caller: { e164: '+14155550123', raw: '', display: null, withheld: false }, profile: 'local' },
    ...{ sipCallId: `${randomUUID()}@phone.test`, startedAt, linkContact: true },
    first: { at: startedAt, type: 'call.received', data: {} },
    ...changes,
  };
};

/** A store on a connection of its own, as an instance has one. Times are short, so that tests need not wait. */
export type TestStore = {
  readonly store: SessionStoreRuntime;
  readonly redis: RedisConnection;
  close(): Promise<void>;
};

export const shortTimes = { beatInterval: 50, deadAfter: 400, trustAfter: 800, sweepInterval: 200 };

export const openTestStore = async (
  server: { readonly socketPath: string },
  options: Partial<Omit<SessionStoreOptions, 'redis'>> = {},
): Promise<TestStore> => {
  const redis = connectRedis({
    ...{ socketPath: server.socketPath, log: silentLogger },
    ...{ commandTimeout: 300, reconnectCap: 100 },
  });
  await redis.ready(5_000);
  const store = createSessionStore({
    ...{ redis, instanceId: randomUUID(), log: silentLogger, times: shortTimes },
    ...options,
  });
  await store.start();
  return {
    store,
    redis,
    close: async () => {
      await store.stop(500);
      await redis.close();
    },
  };
};
