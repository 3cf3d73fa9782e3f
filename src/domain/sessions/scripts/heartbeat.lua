-- One beat of an instance, and who has fallen silent. Times are those of Redis, so clocks of instances do not matter.
-- KEYS: beats (zset of instances by the time of their last beat)
-- ARGV: instance, ms of silence after which an instance is dead
-- Answers {ms since the own last beat or -1, silent instances…}.
local now = now_ms()
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], int(now), ARGV[1])
local answer = { before and int(now - before) or '-1' }
for _, instance in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now - tonumber(ARGV[2])))) do
  answer[#answer + 1] = instance
end
return answer
