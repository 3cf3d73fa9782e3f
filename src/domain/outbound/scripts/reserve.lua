-- Lets one more outbound call begin, or says why not; its first minute is charged.
-- KEYS: live calls (zset lease by the time it lapses), minutes of the day
-- ARGV: lease, most calls at once, most minutes a day, ms a lease lasts, ms the day's counter is kept
-- Answers 'ok', 'calls' or 'minutes'.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 'calls' end
if tonumber(redis.call('GET', KEYS[2]) or '0') + 1 > tonumber(ARGV[3]) then return 'minutes' end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[4]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 'ok'
