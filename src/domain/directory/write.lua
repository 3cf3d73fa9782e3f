-- Replaces an organization's snapshot if nobody replaced it since it was read.
-- KEYS[1] hash {version, snapshot}, ARGV[1] the version that was read ("0": there was none), ARGV[2] the snapshot.
-- Returns the new version, or 0 when another one is there.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then return 0 end
local next = tonumber(version) + 1
redis.call('HSET', KEYS[1], 'version', next, 'snapshot', ARGV[2])
return next
