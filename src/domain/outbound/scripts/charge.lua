-- Charges further minutes of an outbound call, all or none of them.
-- KEYS: minutes of the day
-- ARGV: how many, most minutes a day, ms the day's counter is kept
-- Answers 1, or 0 when the day has no more.
if tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
