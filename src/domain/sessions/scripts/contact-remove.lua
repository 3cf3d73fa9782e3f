-- Removes a contact and everything that leads to it. Sessions keep its id, which then names nobody.
-- KEYS: contact hash   ARGV: prefix, id   Answers 1 when there was one.
local key, prefix, id = KEYS[1], ARGV[1], ARGV[2]
local fields = redis.call('HGETALL', key)
if #fields == 0 then return 0 end
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if name:sub(1, 2) == 'p:' then lead_nowhere(prefix, name:sub(3), id) end
  if name == 'phone' then lead_nowhere(prefix, value, id) end
  if name == 'zendeskUserId' then
    local by_user = prefix .. 'contact-by-zendesk:' .. part(value)
    if redis.call('GET', by_user) == id then redis.call('DEL', by_user) end
  end
end
redis.call('DEL', key)
redis.call('ZREM', prefix .. 'contacts', id)
return 1
