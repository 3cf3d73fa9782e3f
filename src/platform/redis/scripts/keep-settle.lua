-- Puts an answer in the place of the claim it was made under, or takes the claim away.
-- KEYS[1] as in keep-claim.lua; ARGV[1] the claim, ARGV[2] the answer, empty: none, ARGV[3] ms it is kept
-- Returns 1, or 0 when the claim is not there any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
