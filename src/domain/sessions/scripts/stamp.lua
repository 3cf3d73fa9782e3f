-- Puts a ticket id onto a live session if it has none: compare and set.
-- KEYS: session hash
-- ARGV: prefix, id, ticket id, keep ms, at, entry type, entry data, channel prefix of the owners, '1' when the ticket gets
--       a note at the end of the call
-- Answers {'stamped' | 'already' | 'other' | 'ended' | 'missing', ticket id now on the session}.
local key, prefix, id, ticket, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local s = redis.call('HMGET', key, 'status', 'zendeskTicketId', 'startedAt', 'instanceId')
if not s[1] then return { 'missing', '' } end
local present = s[2] or ''
redis.call('HDEL', key, 'ticketCreating')
if present == ticket then
  -- Zendesk's trigger was faster than its answer to us: what it stamped is of our own making all the same.
  redis.call('HSET', key, 'ticketMatch', 'created')
  return { 'already', present }
end
if present ~= '' then return { 'other', present } end
if s[1] == 'ended' then return { 'ended', '' } end
-- A ticket of our own making says nothing about the caller that we did not know: it never drives enrichment.
redis.call('HSET', key, 'zendeskTicketId', ticket, 'ticketMatch', 'created')
if ARGV[9] == '1' then redis.call('HSET', key, 'noteAtEnd', '1') end
index_add(prefix .. 'by-ticket:' .. part(ticket), s[3], id, keep)
timeline_note(prefix, id, ARGV[5], ARGV[6], ARGV[7])
-- Zendesk may have made it too late for the transfer that wanted it.
if ARGV[9] == '1' and (s[1] == 'transferring' or s[1] == 'transferred') then
  enqueue_work(prefix, 'late-note', id, ticket, ARGV[5])
end
-- The owner keeps the last stamp it has seen for the time Redis is away.
redis.call('PUBLISH', ARGV[8] .. s[4], cjson.encode({ id = id, zendeskTicketId = ticket }))
return { 'stamped', ticket }
