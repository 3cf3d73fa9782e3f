-- Gives back claims that are still the ones that were read: a claim made anew meanwhile stays.
-- KEYS[1] hash of claims, then pairs of field and text.
local released = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    released = released + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return released
