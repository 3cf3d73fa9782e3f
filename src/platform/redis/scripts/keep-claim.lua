-- Claims a request for whoever comes first.
-- KEYS[1] what is kept of the request, KEYS[2] sorted set of all that its organization has kept, by ms
-- ARGV[1] the claim, ARGV[2] ms from now, ARGV[3] ms it is kept, ARGV[4] how many are kept at most
-- Returns what is kept already, or nil: it is claimed now. The keys of an organization share a slot.
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
local now, keep, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', keep)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - keep)
redis.call('ZADD', KEYS[2], now, KEYS[1])
redis.call('PEXPIRE', KEYS[2], keep)
local over = redis.call('ZCARD', KEYS[2]) - most
if over > 0 then
  for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('DEL', oldest)
    redis.call('ZREM', KEYS[2], oldest)
  end
end
return nil
