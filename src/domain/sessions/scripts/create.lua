-- Creates a session with its ticket number, its contact and its first timeline entry.
-- KEYS: session hash
-- ARGV: prefix, id, instance, keep ms, startedAt, caller E.164 or '', Call-ID part, contact id to use if the caller is
--       new or '' for no contact, orgId, entry at, entry type, entry data, then fields and values of the session
-- Answers {ticket number, contact fields and values}, or nothing when the session is there already.
local key, prefix, id, instance, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local started_at, caller, call_id, new_contact, org = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
if redis.call('EXISTS', key) == 1 then return false end

local ticket_number = redis.call('INCR', prefix .. 'ticket-number')
local contact = {}
local contact_id = ''
if new_contact ~= '' then
  local by_phone = prefix .. 'contact-by-phone:' .. part(caller)
  contact_id = redis.call('GET', by_phone) or ''
  if contact_id ~= '' then contact = redis.call('HGETALL', prefix .. 'contact:' .. contact_id) end
  if #contact == 0 then
    contact_id = contact_id ~= '' and contact_id or new_contact
    contact = { 'id', contact_id, 'orgId', org, 'phone', caller, 'createdAt', started_at, 'updatedAt', started_at }
    redis.call('SET', by_phone, contact_id)
    hset(prefix .. 'contact:' .. contact_id, contact)
  end
end

local fields = { 'ticketNumber', int(ticket_number), 'seq', '1', 'callIdKey', call_id, 'callerE164', caller }
if contact_id ~= '' then
  fields[#fields + 1] = 'contactId'
  fields[#fields + 1] = contact_id
end
for at = 13, #ARGV do fields[#fields + 1] = ARGV[at] end
hset(key, fields)
make_live(prefix, id, caller, started_at, instance)
index_add(prefix .. 'by-time', started_at, id, keep)
if caller ~= '' then index_add(prefix .. 'by-caller:' .. part(caller), started_at, id, keep) end
redis.call('SET', prefix .. 'call-id:' .. call_id, id)
timeline_add(prefix, id, '1-1', ARGV[10], ARGV[11], ARGV[12])
return { ticket_number, contact }
