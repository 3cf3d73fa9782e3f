// Fills a store with sessions as an instance of its own: `<socket> <organization> <how many>`; one in a hundred stays live.
import { randomUUID } from 'node:crypto';
import { silentLogger } from '../src/core/logger.js';
import { createSessionStore } from '../src/domain/sessions/index.js';
import { connectRedis } from '../src/platform/redis/index.js';

const [socketPath = '', orgId = '', count = '0'] = process.argv.slice(2);
const redis = connectRedis({ socketPath, log: silentLogger, commandTimeout: 30_000 });
await redis.ready(10_000);
const sessions = createSessionStore({ redis, instanceId: randomUUID(), log: silentLogger });
await sessions.start();

const minute = 60_000;
const reasons = ['caller-hangup', 'agent-hangup', 'destination-hangup', 'error'] as const;
const make = async (n: number): Promise<void> => {
  // A month of calls, the oldest first.
  const startedAt = Date.now() - (Number(count) - n) * (minute / 4);
  const e164 = `+1${String(2_125_000_000 + (n % 20_000))}`;
  const owned = await sessions.create({
    ...{ id: randomUUID(), orgId, agentId: 'support', direction: 'inbound', called: '+14155550100' },
    caller: { e164, raw: e164, display: null, withheld: false },
    ...{ sipCallId: randomUUID(), profile: 'local', startedAt, linkContact: false },
    first: { at: startedAt, type: 'call.received', data: {} },
  });
  if (n % 100 === 0) return;
  const endReason = reasons[n % reasons.length] ?? 'error';
  await owned.change({
    ...{ status: 'ended', answeredAt: startedAt + 200, endedAt: startedAt + 3 * minute, endReason },
    timeline: [{ at: startedAt + 3 * minute, type: 'call.ended', data: { reason: endReason } }],
  });
  owned.release();
};
for (let at = 0; at < Number(count); at += 250) {
  const batch = Math.min(250, Number(count) - at);
  await Promise.all(Array.from({ length: batch }, (_, n) => make(at + n)));
}
process.on('disconnect', () => process.exit(0));
process.send?.('made');
