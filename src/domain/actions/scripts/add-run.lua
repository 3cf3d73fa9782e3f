-- Adds a run to an organization's history and takes out what is too much or too old.
-- KEYS[1] stream of heads, KEYS[2] hash of whole records by id
-- ARGV[1] id of the run, ARGV[2] its head, ARGV[3] the whole record, ARGV[4] most runs, ARGV[5] ms since the epoch
-- before which runs go, ARGV[6] ms after which the history of an organization without runs goes
redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'head', ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
local function drop(entries)
  for _, entry in ipairs(entries) do
    redis.call('HDEL', KEYS[2], entry[2][2])
    redis.call('XDEL', KEYS[1], entry[1])
  end
end
local over = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[4])
-- A hundred at a time: no one run pays for all that have gone stale.
if over > 0 then drop(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(over, 100))) end
drop(redis.call('XRANGE', KEYS[1], '-', string.format('%.0f', math.max(0, tonumber(ARGV[5]))), 'COUNT', 100))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return 1
