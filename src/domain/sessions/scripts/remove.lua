-- Removes sessions whose time is over, with everything that points to them.
-- KEYS: expiry
-- ARGV: prefix, limit, keep ms   Answers how many were removed.
local prefix, now, keep = ARGV[1], now_ms(), tonumber(ARGV[3])
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'LIMIT', '0', ARGV[2])
for _, id in ipairs(due) do
  local key = prefix .. 'session:' .. id
  local s = redis.call('HMGET', key, 'callerE164', 'zendeskTicketId', 'endReason', 'callIdKey')
  if s[1] and s[1] ~= '' then redis.call('ZREM', prefix .. 'by-caller:' .. part(s[1]), id) end
  if s[2] then redis.call('ZREM', prefix .. 'by-ticket:' .. part(s[2]), id) end
  if s[3] then redis.call('ZREM', prefix .. 'by-reason:' .. part(s[3]), id) end
  if s[4] then
    local by_call_id = prefix .. 'call-id:' .. s[4]
    if redis.call('GET', by_call_id) == id then redis.call('DEL', by_call_id) end
  end
  redis.call('ZREM', prefix .. 'by-time', id)
  redis.call('ZREM', prefix .. 'recorded', id)
  redis.call('DEL', key, prefix .. 'timeline:' .. id)
  redis.call('ZREM', KEYS[1], id)
end
-- What ran out while no gateway was there: no call lasts a week longer than sessions are kept.
for _, index in ipairs({ 'by-time', 'recorded' }) do
  redis.call('ZREMRANGEBYSCORE', prefix .. index, '-inf', '(' .. int(now - keep - 7 * DAY))
end
return #due
