-- Gives instances without a beat one, as of now: from here on their silence counts.
-- KEYS: beats   ARGV: instances
local now = int(now_ms())
for _, instance in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'NX', now, instance) end
return 1
