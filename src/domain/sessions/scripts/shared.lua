-- What the session scripts share. It is put in front of each of them.
--
-- Every key a script touches starts with the organization's prefix, whose hash tag puts all of them into one slot, that
-- of KEYS[1]. So names may be built here although they are not in KEYS.
--
-- Keys of an organization (after the prefix):
--   session:<id>            hash, the session            timeline:<id>         stream, its timeline
--   live                    zset id by startedAt          live:caller:<e164>    the same for one caller
--   by-time                 zset id by startedAt, all     by-caller:<e164>, by-ticket:<ticket>, by-reason:<reason>
--   recorded                zset id by startedAt, of those with a recording
--   call-id:<Call-ID>       string, session id            expiry                zset id by the time to remove it
--   owned:<instance>        set of live session ids       owners                set of instances with an owned:… key
--   ticket-number           counter                       contact:<id>, contact-by-phone:<e164>
--   contact-by-zendesk:<user>  string, contact id         contacts              zset contact id by the time it was made
--   zendesk-work            stream of what is to be done with Zendesk
--   held:<e164>             string, a webhook that came before its call
--   events                  stream of the newest timeline entries of all sessions, for those who follow; also the channel
--                           on which each is told
--   webhook-endpoints       hash id → events of endpoints that hear of calls; webhook-work  stream of what is to be told
--   invocation:<id>         string, the successful answer to a webhook, for its retries

local DAY = 86400000
-- A runaway script must not fill the memory: the oldest entries of a timeline this long are dropped.
local TIMELINE_CAP = 10000

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Numbers above 10^14 would be written with an exponent by tostring.
local function int(n)
  return string.format('%.0f', n)
end

-- Percent-encodes like keyPart in platform/redis/keys.ts.
local function part(text)
  if text == '' then return '%' end
  return (text:gsub('[^%w%._~%-]', function(c) return string.format('%%%02X', c:byte()) end))
end

local function hset(key, fields)
  -- unpack has a limit of a few thousand values, attributes have none.
  for at = 1, #fields, 1000 do
    redis.call('HSET', key, unpack(fields, at, math.min(at + 999, #fields)))
  end
end

-- What a follower can have missed and still get; an organization without calls has none after an hour.
local EVENTS_CAP = 5000
local EVENTS_TTL = 3600000
-- Endpoints that do not answer for long must not fill the memory.
local WEBHOOK_CAP = 10000
local TOLD = {
  ['call.received'] = 'phone_call.started',
  ['call.answered'] = 'phone_call.answered',
  ['transfer.connected'] = 'phone_call.transferred',
  ['transfer.failed'] = 'phone_call.transfer_failed',
  ['call.ended'] = 'phone_call.ended',
}

local function timeline_add(prefix, id, entry_id, at, kind, data)
  local entry = redis.call('XADD', prefix .. 'timeline:' .. id, 'MAXLEN', '~', TIMELINE_CAP, entry_id, 'at', at, 'type', kind, 'data', data)
  local events = prefix .. 'events'
  local event = redis.call('XADD', events, 'MAXLEN', '~', EVENTS_CAP, '*', 'session', id, 'entry', entry, 'at', at, 'type', kind, 'data', data)
  redis.call('PEXPIRE', events, EVENTS_TTL)
  redis.call('PUBLISH', events, table.concat({ event, id, entry, at, kind, data }, ' '))
  local told = TOLD[kind]
  if not told then return end
  local endpoints = redis.call('HGETALL', prefix .. 'webhook-endpoints')
  for i = 1, #endpoints, 2 do
    if (' ' .. endpoints[i + 1] .. ' '):find(' ' .. told .. ' ', 1, true) then
      redis.call('XADD', prefix .. 'webhook-work', 'MAXLEN', '~', WEBHOOK_CAP, '*', 'endpoint', endpoints[i], 'event', told, 'session', id, 'entry', entry, 'at', at, 'data', data)
    end
  end
end

-- Entries by anyone but the owner come between two numbered changes: <number of the last change>-<a million and more>.
local function timeline_note(prefix, id, at, kind, data)
  local key = prefix .. 'session:' .. id
  local seq = redis.call('HGET', key, 'seq') or '0'
  local note = redis.call('HINCRBY', key, 'notes', 1)
  timeline_add(prefix, id, seq .. '-' .. int(1000000 + note), at, kind, data)
end

-- An index by time that is no longer added to goes away by itself, when the last session in it is gone for sure.
local function index_add(key, score, id, keep)
  redis.call('ZADD', key, score, id)
  redis.call('PEXPIRE', key, int(keep + 2 * DAY))
end

local function make_live(prefix, id, caller, started_at, instance)
  redis.call('ZADD', prefix .. 'live', started_at, id)
  if caller ~= '' then redis.call('ZADD', prefix .. 'live:caller:' .. part(caller), started_at, id) end
  redis.call('SADD', prefix .. 'owned:' .. instance, id)
  redis.call('SADD', prefix .. 'owners', instance)
end

local function unlive(prefix, id, caller, instance)
  redis.call('ZREM', prefix .. 'live', id)
  if caller ~= '' then redis.call('ZREM', prefix .. 'live:caller:' .. part(caller), id) end
  redis.call('SREM', prefix .. 'owned:' .. instance, id)
end

-- The keys of a live session never expire. Those of an ended one are removed by remove.lua; the time to live, a day
-- longer, is for the case that no gateway runs then.
local function keep_for(prefix, id, call_id, keep)
  local ttl = int(keep + DAY)
  redis.call('PEXPIRE', prefix .. 'session:' .. id, ttl)
  redis.call('PEXPIRE', prefix .. 'timeline:' .. id, ttl)
  local by_call_id = prefix .. 'call-id:' .. call_id
  if redis.call('GET', by_call_id) == id then redis.call('PEXPIRE', by_call_id, ttl) end
  redis.call('ZADD', prefix .. 'expiry', int(now_ms() + keep), id)
end

-- Work with Zendesk waits here until it is done, over restarts too. A full queue is told on the timeline.
local WORK_CAP = 10000
local function enqueue_work(prefix, kind, id, ticket, at)
  local stream = prefix .. 'zendesk-work'
  if redis.call('XLEN', stream) < WORK_CAP then
    redis.call('XADD', stream, '*', 'kind', kind, 'session', id, 'ticket', ticket)
    if kind == 'enrich' then redis.call('HSET', prefix .. 'session:' .. id, 'enrichment', 'queued') end
    return
  end
  if kind == 'enrich' then redis.call('HSET', prefix .. 'session:' .. id, 'enrichment', 'failed') end
  local failed = kind == 'enrich' and 'enrichment.failed' or 'ticket.failed'
  timeline_note(prefix, id, at, failed, cjson.encode({ reason = 'queue-full', work = kind, ticketId = ticket }))
end

-- After the hash says `ended`: out of the live indexes, into those of ended sessions.
local function settle_end(prefix, id, keep)
  local key = prefix .. 'session:' .. id
  local s = redis.call('HMGET', key, 'callerE164', 'instanceId', 'callIdKey', 'startedAt', 'endReason', 'noteAtEnd', 'zendeskTicketId')
  if s[6] and s[7] then enqueue_work(prefix, 'note', id, s[7], int(now_ms())) end
  unlive(prefix, id, s[1] or '', s[2] or '')
  index_add(prefix .. 'by-reason:' .. part(s[5] or ''), s[4], id, keep)
  keep_for(prefix, id, s[3] or '', keep)
end

-- A session turns out to be of another caller: its indexes follow.
local function move_caller(prefix, id, before, caller, started_at, keep, live)
  redis.call('HSET', prefix .. 'session:' .. id, 'callerE164', caller)
  if before ~= '' then
    redis.call('ZREM', prefix .. 'live:caller:' .. part(before), id)
    redis.call('ZREM', prefix .. 'by-caller:' .. part(before), id)
  end
  if live then redis.call('ZADD', prefix .. 'live:caller:' .. part(caller), started_at, id) end
  index_add(prefix .. 'by-caller:' .. part(caller), started_at, id, keep)
end

-- Puts a ticket onto a session without one, with its timeline entry, and tells the owner, who keeps the last stamp it
-- has seen for the time Redis is away. `match` says how the session was found; with `notes` the ticket gets a note at the
-- end of the call; `caller` (a table) replaces its caller.
local function put_ticket(prefix, id, ticket, match, at, data, keep, channel, notes, caller)
  local key = prefix .. 'session:' .. id
  local s = redis.call('HMGET', key, 'startedAt', 'instanceId', 'callerE164')
  redis.call('HSET', key, 'zendeskTicketId', ticket, 'ticketMatch', match)
  if notes then redis.call('HSET', key, 'noteAtEnd', '1') end
  index_add(prefix .. 'by-ticket:' .. part(ticket), s[1], id, keep)
  if caller then
    redis.call('HSET', key, 'caller', cjson.encode(caller))
    move_caller(prefix, id, s[3] or '', caller.e164, s[1], keep, true)
  end
  timeline_note(prefix, id, at, 'prefetch.stamped', cjson.encode(data))
  redis.call('PUBLISH', channel .. s[2], cjson.encode({ id = id, zendeskTicketId = ticket, caller = caller }))
end

-- A contact that is new. The hash has what is known of it; `p:<e164>` for each number that leads to it.
local function make_contact(prefix, id, org, at)
  redis.call('HSET', prefix .. 'contact:' .. id, 'id', id, 'orgId', org, 'createdAt', at, 'updatedAt', at)
  redis.call('ZADD', prefix .. 'contacts', at, id)
end

-- A number leads to a contact from now on.
local function lead_to_contact(prefix, phone, id)
  redis.call('SET', prefix .. 'contact-by-phone:' .. part(phone), id)
  redis.call('HSET', prefix .. 'contact:' .. id, 'p:' .. phone, '1')
end

-- A number leads to a contact no longer, if it did.
local function lead_nowhere(prefix, phone, id)
  local by_phone = prefix .. 'contact-by-phone:' .. part(phone)
  if redis.call('GET', by_phone) == id then redis.call('DEL', by_phone) end
  redis.call('HDEL', prefix .. 'contact:' .. id, 'p:' .. phone)
end
