-- Creates a session with its ticket number, its contact and its first timeline entry.
-- KEYS: session hash
-- ARGV: prefix, id, instance, keep ms, startedAt, caller E.164 or '', Call-ID part, contact id to use if the caller is
--       new or '' for no contact, orgId, entry at, entry type, entry data, channel prefix of the owners, most live sessions
--       of the organization or '', then fields and values of the session
-- Answers {ticket number, contact fields and values, ticket of a webhook that was held for this caller or ''}, nothing
-- when the session is there already, or 'full'.
local key, prefix, id, instance, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local started_at, caller, call_id, new_contact, org = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
if redis.call('EXISTS', key) == 1 then return false end
if ARGV[14] ~= '' and redis.call('ZCARD', prefix .. 'live') >= tonumber(ARGV[14]) then return 'full' end

local ticket_number = redis.call('INCR', prefix .. 'ticket-number')
local contact = {}
local contact_id = ''
if new_contact ~= '' then
  local by_phone = prefix .. 'contact-by-phone:' .. part(caller)
  contact_id = redis.call('GET', by_phone) or ''
  if contact_id ~= '' then contact = redis.call('HGETALL', prefix .. 'contact:' .. contact_id) end
  if #contact == 0 then
    contact_id = contact_id ~= '' and contact_id or new_contact
    make_contact(prefix, contact_id, org, started_at)
    lead_to_contact(prefix, caller, contact_id)
    redis.call('HSET', prefix .. 'contact:' .. contact_id, 'phone', caller)
    contact = redis.call('HGETALL', prefix .. 'contact:' .. contact_id)
  end
end

local fields = { 'ticketNumber', int(ticket_number), 'seq', '1', 'callIdKey', call_id, 'callerE164', caller }
if contact_id ~= '' then
  fields[#fields + 1] = 'contactId'
  fields[#fields + 1] = contact_id
end
for at = 15, #ARGV do fields[#fields + 1] = ARGV[at] end
hset(key, fields)
make_live(prefix, id, caller, started_at, instance)
index_add(prefix .. 'by-time', started_at, id, keep)
if caller ~= '' then index_add(prefix .. 'by-caller:' .. part(caller), started_at, id, keep) end
redis.call('SET', prefix .. 'call-id:' .. call_id, id)
timeline_add(prefix, id, '1-1', ARGV[10], ARGV[11], ARGV[12])

-- A webhook that came before its call waits under the caller's number; it is used once.
local held = caller ~= '' and redis.call('GET', prefix .. 'held:' .. part(caller))
if not held then return { ticket_number, contact, '' } end
local webhook = cjson.decode(held)
for _, phone in ipairs(webhook.phones) do
  local other = prefix .. 'held:' .. part(phone)
  if redis.call('GET', other) == held then redis.call('DEL', other) end
end
local match = webhook.matches[caller]
local data = { ticketId = webhook.ticket, match = match, heldSince = webhook.at }
if webhook.subject ~= cjson.null then data.subject = webhook.subject end
put_ticket(prefix, id, webhook.ticket, match, ARGV[10], data, keep, ARGV[13], webhook.notes)
enqueue_work(prefix, 'enrich', id, webhook.ticket, ARGV[10])
return { ticket_number, contact, webhook.ticket }
