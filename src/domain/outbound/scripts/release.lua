-- An outbound call is over; the minute of one that nobody answered is given back.
-- KEYS: live calls, minutes of the day it began
-- ARGV: lease, 1 to give the first minute back
redis.call('ZREM', KEYS[1], ARGV[1])
if ARGV[2] == '1' and tonumber(redis.call('GET', KEYS[2]) or '0') > 0 then redis.call('DECR', KEYS[2]) end
return 1
