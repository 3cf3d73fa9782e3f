-- Ends the sessions of an instance that is gone, as many as `limit` in one step.
-- KEYS: owned:<dead instance>
-- ARGV: prefix, dead instance, keep ms, limit, at, entry data
-- Answers {ids of the sessions ended, how many are left}.
local owned, prefix, instance, keep = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local ended = {}
for _, id in ipairs(redis.call('SRANDMEMBER', owned, ARGV[4])) do
  local key = prefix .. 'session:' .. id
  local s = redis.call('HMGET', key, 'status', 'instanceId', 'callerE164')
  redis.call('SREM', owned, id)
  if not s[1] then
    redis.call('ZREM', prefix .. 'live', id)
  elseif s[1] ~= 'ended' and s[2] == instance then
    -- What it was is kept: the owner may turn out to live.
    redis.call('HSET', key, 'status', 'ended', 'endReason', 'instance-lost', 'endedAt', ARGV[5], 'reapedStatus', s[1])
    settle_end(prefix, id, keep)
    timeline_note(prefix, id, ARGV[5], 'call.ended', ARGV[6])
    ended[#ended + 1] = id
  end
end
local left = redis.call('SCARD', owned)
if left == 0 then redis.call('SREM', prefix .. 'owners', instance) end
return { ended, left }
