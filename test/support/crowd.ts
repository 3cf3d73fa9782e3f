import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '../../src/core/logger.js';
import { connectRedis, orgPrefix } from '../../src/platform/redis/index.js';

/**
 * Writes sessions of an organization as the store has them, inside Redis: the first ones live, owned by an instance that
 * nobody has heard of, one begun every three seconds; the others ended, one every ten seconds, up to an hour ago.
 */
const script = `
local prefix, now, live, org = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local first, last = tonumber(ARGV[5]), tonumber(ARGV[6])
local reasons = { 'caller-hangup', 'agent-hangup', 'destination-hangup', 'no-media' }
for i = first, last do
  local lives = i <= live
  local id = string.format('%08x-0000-4000-8000-%012x', i, i)
  local at = string.format('%.0f', lives and now - i * 3000 or now - 3600000 - (i - live) * 10000)
  local number = string.format('+1415%07d', i)
  local caller = cjson.encode({ e164 = number, raw = number, display = 'Caller ' .. i, withheld = false })
  local key = prefix .. 'session:' .. id
  redis.call('HSET', key, 'id', id, 'orgId', org, 'agentId', 'support', 'direction', 'inbound', 'caller', caller,
    'callerE164', number, 'called', '+14155550100', 'sipCallId', id, 'profile', 'local', 'startedAt', at, 'attempts', '0',
    'instanceId', 'crowd', 'ticketNumber', i, 'seq', '1', 'status', lives and 'active' or 'ended', 'answeredAt', at)
  redis.call('ZADD', prefix .. 'by-time', at, id)
  if lives then
    redis.call('ZADD', prefix .. 'live', at, id)
  else
    local reason = reasons[i % 4 + 1]
    redis.call('HSET', key, 'endReason', reason, 'endedAt', string.format('%.0f', at + 95000), 'zendeskTicketId', 30000 + i)
    redis.call('ZADD', prefix .. 'by-reason:' .. reason, at, id)
    redis.call('ZADD', prefix .. 'by-ticket:' .. (30000 + i), at, id)
  end
end
redis.call('SADD', 'vg:{@instances}:orgs', org)
return last
`;

/** Fills an organization of a gateway with embedded Redis. The gateway ends live ones after a minute at the earliest. */
export const seedCrowd = async (options: {
  readonly dataDir: string;
  readonly orgId: string;
  readonly live: number;
  readonly ended: number;
}): Promise<void> => {
  const [, socketPath = ''] = readFileSync(join(options.dataDir, 'redis', 'server.pid'), 'utf8').split('\n');
  const redis = connectRedis({ socketPath, log: silentLogger });
  try {
    await redis.ready(10_000);
    const { orgId, live, ended } = options;
    const now = Date.now();
    // One script must not hold Redis up for long.
    for (let first = 1; first <= live + ended; first += 2_000) {
      const last = Math.min(live + ended, first + 1_999);
      await redis.command('EVAL', script, 0, orgPrefix(orgId), now, live, orgId, first, last);
    }
  } finally {
    redis.close();
  }
};
