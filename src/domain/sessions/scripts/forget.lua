-- Forgets a dead instance whose sessions are all ended, unless it has beaten again.
-- KEYS: beats   ARGV: instance, ms of silence   Answers 1 when it is forgotten.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) > now_ms() - tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
