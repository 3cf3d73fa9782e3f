-- Takes an organization's snapshot away if nobody replaced it since it was read. The version stays and counts on, so that
-- nobody who heard of it takes what comes later for older.
-- KEYS[1] hash {version, snapshot}, ARGV[1] the version that was read.
-- Returns the new version, or 0 when another one is there.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
if redis.call('HDEL', KEYS[1], 'snapshot') == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], 'version', 1)
