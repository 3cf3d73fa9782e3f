-- Writes what Zendesk knows of a requester onto the contact of a session, and takes the work off the queue: one step, so
-- that work given out twice is done once.
-- KEYS: session hash
-- ARGV: prefix, channel prefix of the owners, the request as JSON: session, org, at (ms), keep (ms), work ({id, group} or
--       null), ticket, user (Zendesk id), newContact (id to use when there is none yet), fields and custom ({name, value},
--       never blank), phone (E.164 of the requester or ''), caller (what becomes the caller of the session, or null),
--       notes (further data of the timeline entry)
-- Answers {'enriched' | 'unchanged' | 'gone' | 'missing', contact id or '', '1' when something clashed else '0'}.
local key, prefix, channel, r = KEYS[1], ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local at = int(r.at)
if r.work ~= cjson.null then
  local stream = prefix .. 'zendesk-work'
  if redis.call('XACK', stream, r.work.group, r.work.id) == 0 then return { 'gone', '', '0' } end
  redis.call('XDEL', stream, r.work.id)
end
local s = redis.call('HMGET', key, 'status', 'contactId', 'callerE164', 'startedAt', 'instanceId', 'zendeskTicketId')
if not s[1] then return { 'missing', '', '0' } end

local function contact_key(id) return prefix .. 'contact:' .. id end
local by_user = prefix .. 'contact-by-zendesk:' .. part(r.user)
local known = redis.call('GET', by_user)
if known and redis.call('EXISTS', contact_key(known)) == 0 then known = false end
local clashed = '0'
local function clash(with, other)
  clashed = '1'
  timeline_note(prefix, r.session, at, 'contact.clash', cjson.encode({ with = with, contactId = other, zendeskUserId = r.user }))
end

local contact = s[2]
if not contact then
  contact = known or r.newContact
  redis.call('HSET', key, 'contactId', contact)
  timeline_note(prefix, r.session, at, 'contact.linked', cjson.encode({ contactId = contact, zendeskUserId = r.user }))
end
local target = contact_key(contact)
if redis.call('EXISTS', target) == 0 then make_contact(prefix, contact, r.org, at) end

if known and known ~= contact then
  clash('zendesk-user', known)
else
  local before = redis.call('HGET', target, 'zendeskUserId')
  if before and before ~= r.user then
    local old = prefix .. 'contact-by-zendesk:' .. part(before)
    if redis.call('GET', old) == contact then redis.call('DEL', old) end
  end
  redis.call('SET', by_user, contact)
end
if r.phone ~= '' then
  -- The number leads a caller to whoever called with it first; a profile in Zendesk is no proof of more.
  local holder = redis.call('GET', prefix .. 'contact-by-phone:' .. part(r.phone))
  if holder and holder ~= contact then clash('phone', holder) end
end

local changed = {}
local function put(field, name, value)
  if redis.call('HGET', target, field) ~= value then
    redis.call('HSET', target, field, value)
    changed[#changed + 1] = name
  end
end
for _, field in ipairs(r.fields) do put(field[1], field[1], field[2]) end
for _, field in ipairs(r.custom) do put('c:' .. field[1], 'custom_data.' .. field[1], field[2]) end
if #changed > 0 then redis.call('HSET', target, 'updatedAt', at) end

if r.caller ~= cjson.null and s[3] ~= r.caller.e164 then
  redis.call('HSET', key, 'caller', cjson.encode(r.caller))
  move_caller(prefix, r.session, s[3] or '', r.caller.e164, s[4], r.keep, s[1] ~= 'ended')
  redis.call('PUBLISH', channel .. s[5], cjson.encode({ id = r.session, zendeskTicketId = s[6], caller = r.caller }))
end

redis.call('HSET', key, 'enrichment', 'enriched')
local data = { contactId = contact, ticketId = r.ticket, zendeskUserId = r.user }
-- An empty table would be written as an object.
if #changed > 0 then data.fields = changed end
for name, value in pairs(r.notes) do data[name] = value end
timeline_note(prefix, r.session, at, 'contact.enriched', cjson.encode(data))
return { #changed > 0 and 'enriched' or 'unchanged', contact, clashed }
