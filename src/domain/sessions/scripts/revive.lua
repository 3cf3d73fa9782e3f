-- The owner says that a session lives. Written when Redis was away: it may have lost the session, or another instance
-- may have ended it believing this one dead.
-- KEYS: session hash
-- ARGV: prefix, id, instance, keep ms, startedAt, caller E.164 or '', Call-ID part, number of the last change known to
--       be applied, at, entry data, then fields and values of the whole session for the case that it is lost
-- Answers 'alive' (nothing to do), 'revived', 'restored' (it was lost), 'ended' (by its owner), 'foreign'.
local key, prefix, id, instance, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local started_at, caller, call_id = ARGV[5], ARGV[6], ARGV[7]
local s = redis.call('HMGET', key, 'status', 'endReason', 'instanceId', 'reapedStatus')

local function index_again()
  make_live(prefix, id, caller, started_at, instance)
  index_add(prefix .. 'by-time', started_at, id, keep)
  if caller ~= '' then index_add(prefix .. 'by-caller:' .. part(caller), started_at, id, keep) end
  redis.call('SET', prefix .. 'call-id:' .. call_id, id)
end

if not s[1] then
  local fields = { 'seq', ARGV[8], 'callIdKey', call_id, 'callerE164', caller }
  for at = 11, #ARGV do fields[#fields + 1] = ARGV[at] end
  hset(key, fields)
  index_again()
  -- A counter that went back would give numbers out twice.
  local ticket_number = tonumber(redis.call('HGET', key, 'ticketNumber') or '0')
  if tonumber(redis.call('GET', prefix .. 'ticket-number') or '0') < ticket_number then
    redis.call('SET', prefix .. 'ticket-number', int(ticket_number))
  end
  local ticket = redis.call('HGET', key, 'zendeskTicketId')
  if ticket then index_add(prefix .. 'by-ticket:' .. part(ticket), started_at, id, keep) end
  if redis.call('HEXISTS', key, 'recordings') == 1 then index_add(prefix .. 'recorded', started_at, id, keep) end
  timeline_note(prefix, id, ARGV[9], 'session.revived', ARGV[10])
  return 'restored'
end
if s[3] ~= instance then return 'foreign' end
if s[1] ~= 'ended' then
  -- Cheap and idempotent; the indexes are other keys and may have been lost alone.
  make_live(prefix, id, caller, started_at, instance)
  return 'alive'
end
if s[2] ~= 'instance-lost' or not s[4] then return 'ended' end
redis.call('HDEL', key, 'endedAt', 'endReason', 'reapedStatus')
redis.call('HSET', key, 'status', s[4])
redis.call('PERSIST', key)
redis.call('PERSIST', prefix .. 'timeline:' .. id)
redis.call('ZREM', prefix .. 'expiry', id)
redis.call('ZREM', prefix .. 'by-reason:instance-lost', id)
index_again()
timeline_note(prefix, id, ARGV[9], 'session.revived', ARGV[10])
return 'revived'
