-- Keeps the lease of an outbound call that goes on.
-- KEYS: live calls
-- ARGV: lease, ms a lease lasts
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
