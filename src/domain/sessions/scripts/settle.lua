-- Takes work off the queue with what there is to say about it.
-- KEYS: session hash
-- ARGV: prefix, id, work id, group, new state of the enrichment ('none' takes it away) or '', then at, type, data of
--       timeline entries
-- Answers 1, or 0 when somebody else has taken it off already.
local key, prefix, id = KEYS[1], ARGV[1], ARGV[2]
local stream = prefix .. 'zendesk-work'
if redis.call('XACK', stream, ARGV[4], ARGV[3]) == 0 then return 0 end
redis.call('XDEL', stream, ARGV[3])
if redis.call('EXISTS', key) == 0 then return 1 end
if ARGV[5] == 'none' then redis.call('HDEL', key, 'enrichment')
elseif ARGV[5] ~= '' then redis.call('HSET', key, 'enrichment', ARGV[5]) end
for at = 6, #ARGV, 3 do timeline_note(prefix, id, ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
return 1
