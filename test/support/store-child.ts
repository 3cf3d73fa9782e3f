/**
 * A gateway's store in a process of its own, to be killed by a test. Its argument is JSON; it prints one line of JSON
 * when it is ready and then lives until it is ended.
 */
import { silentLogger } from '../../src/core/logger.js';
import { createSessionStore, type OwnershipTimes } from '../../src/domain/sessions/index.js';
import { connectRedis, startEmbeddedRedis } from '../../src/platform/redis/index.js';

export type StoreChildOrder = {
  readonly socketPath?: string;
  readonly dataDir?: string;
  readonly instanceId: string;
  readonly orgId: string;
  readonly sessionIds: readonly string[];
  readonly times?: Partial<OwnershipTimes>;
};

export type StoreChildReady = { readonly socketPath: string; readonly redisPid: number; readonly adopted: boolean };

const order: StoreChildOrder = JSON.parse(process.argv[2] ?? '{}');
const embedded =
  order.dataDir === undefined ? null : await startEmbeddedRedis({ dataDir: order.dataDir, log: silentLogger });
const socketPath = embedded?.socketPath ?? order.socketPath ?? '';
const redis = connectRedis({ socketPath, log: silentLogger });
await redis.ready(5_000);
const store = createSessionStore({
  redis,
  instanceId: order.instanceId,
  log: silentLogger,
  times: order.times ?? {},
  exclusive: embedded !== null,
});
await store.start();
for (const id of order.sessionIds) {
  const startedAt = Date.now();
  await store.create({
    ...{ id, orgId: order.orgId, agentId: 'support', direction: 'inbound', called: '+14155550100', profile: 'local' },
    ...{ caller: { e164: '+14155550123', raw: '', display: null, withheld: false }, sipCallId: `${id}@child.test` },
    ...{ startedAt, linkContact: true, first: { at: startedAt, type: 'call.received', data: {} } },
  });
}
const ready: StoreChildReady = { socketPath, redisPid: embedded?.pid() ?? 0, adopted: embedded?.adopted ?? false };
process.stdout.write(`${JSON.stringify(ready)}\n`);
