-- Replaces an organization's snapshot if nobody replaced it since it was read.
-- KEYS[1] hash {version, snapshot}, ARGV[1] the version that was read ("0": there was none), ARGV[2] the snapshot.
-- Returns the new version, or 0 when another one is there. One that was taken away has a version and no snapshot.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
local there = redis.call('HEXISTS', KEYS[1], 'snapshot') == 1
if (there and version or '0') ~= ARGV[1] then return 0 end
local next = tonumber(version) + 1
redis.call('HSET', KEYS[1], 'version', next, 'snapshot', ARGV[2])
return next
