-- Makes a contact, or changes one.
-- KEYS: contact hash
-- ARGV: prefix, the request as JSON: id, org, at (ms), new (whether it is to be made), fields and custom ({name, value}, or
--       {name} to take it off), phone ({e164}, empty to take it off, or null to leave it)
-- Answers {'saved' | 'missing' | 'taken', the contact that has the number or ''}.
local key, prefix, r = KEYS[1], ARGV[1], cjson.decode(ARGV[2])
local at = int(r.at)
if not r.new and redis.call('EXISTS', key) == 0 then return { 'missing', '' } end

local phone = r.phone ~= cjson.null and (r.phone[1] or '') or nil
if phone and phone ~= '' then
  local holder = redis.call('GET', prefix .. 'contact-by-phone:' .. part(phone))
  if holder and holder ~= r.id and redis.call('EXISTS', prefix .. 'contact:' .. holder) == 1 then
    return { 'taken', holder }
  end
end
if r.new then make_contact(prefix, r.id, r.org, at) end

local function put(field, value)
  if value then redis.call('HSET', key, field, value) else redis.call('HDEL', key, field) end
end
if phone then
  local before = redis.call('HGET', key, 'phone')
  if before and before ~= phone then lead_nowhere(prefix, before, r.id) end
  if phone ~= '' then lead_to_contact(prefix, phone, r.id) end
  put('phone', phone ~= '' and phone or nil)
end
for _, field in ipairs(r.fields) do put(field[1], field[2]) end
for _, field in ipairs(r.custom) do put('c:' .. field[1], field[2]) end
redis.call('HSET', key, 'updatedAt', at)
return { 'saved', '' }
