-- Replaces a stored certificate unless another one was uploaded, or it was removed, since it was read.
-- KEYS[1] hash of certificates, ARGV[1] name, ARGV[2] version that was read, ARGV[3] what takes its place
-- Returns 1 when it was replaced, else 0.
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
if string.format('%.0f', cjson.decode(text).version) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
