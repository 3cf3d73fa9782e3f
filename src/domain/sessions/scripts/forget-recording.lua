-- Takes a file that is gone off the recordings of a session that has ended.
-- KEYS: session hash
-- ARGV: prefix, id, name of the file, entry at, type, data
-- Answers 1, or 0 when the session has no such file.
local key, prefix, id, file = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local text = redis.call('HGET', key, 'recordings')
if not text then return 0 end
local left, found = {}, 0
for _, recording in ipairs(cjson.decode(text)) do
  if recording.file == file then
    found = 1
  else
    left[#left + 1] = recording
  end
end
if found == 0 then return 0 end
if #left == 0 then
  redis.call('HDEL', key, 'recordings')
  redis.call('ZREM', prefix .. 'recorded', id)
else
  redis.call('HSET', key, 'recordings', cjson.encode(left))
end
timeline_note(prefix, id, ARGV[4], ARGV[5], ARGV[6])
return 1
