-- Puts a new signing key of webhook addresses in place.
-- KEYS: hash of keys (field `current` names the one that signs, every other field is a key's record)
-- ARGV: key id believed to be current or '', new key id, its record, '1' when the older ones are revoked, now (ms)
-- Answers the id of the current key: another one than the new when somebody else was first.
local key, expected, id, record, revoke, now = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local current = redis.call('HGET', key, 'current') or ''
if revoke == '1' then
  redis.call('DEL', key)
elseif current ~= expected then
  return current
else
  -- A key whose last token has expired verifies nothing any more.
  local all = redis.call('HGETALL', key)
  for at = 1, #all, 2 do
    if all[at] ~= 'current' and cjson.decode(all[at + 1]).expiresAt < now then redis.call('HDEL', key, all[at]) end
  end
end
redis.call('HSET', key, id, record, 'current', id)
return id
