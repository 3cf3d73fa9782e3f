-- Removes keys of an organization, as many as one step of SCAN finds. Its keys share a slot, so this runs where they are.
-- KEYS[1] a key of the organization that stays; ARGV[1] the prefix, ARGV[2] the cursor, '0' to begin
-- Returns {cursor to go on with, '0' at the end; how many were removed}.
local step = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[1] .. '*', 'COUNT', 2000)
local removed = 0
for _, key in ipairs(step[2]) do
  if key ~= KEYS[1] then removed = removed + redis.call('UNLINK', key) end
end
return { step[1], removed }
