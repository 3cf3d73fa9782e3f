-- Finds the live session a webhook of Zendesk belongs to and stamps its ticket: one step, so that webhooks, transfers and
-- ends of calls that race have one of their orders as the result.
-- KEYS: live, hash of the keys that sign webhook addresses
-- ARGV: prefix, channel prefix of the owners, the request as JSON: guard (field that must be in the hash), at (ms), keep
--       (ms), ticket, subject (the ticket's title, or null), invocation or '', phones ({e164, as, shared}, in order of
--       preference), talk (Talk numbers), talkWindow (ms), talkCaller (what becomes the caller of a session matched by Talk
--       number, or null), hold (ms), notes (whether the ticket gets notes)
-- Answers {'revoked'}, or {'stamped' | 'already' | 'replayed' | 'other' | 'none' | 'held' | 'ambiguous', session id or '',
-- ticket on that session or '', how it was found or '', how many sessions were candidates}.
local prefix, channel, r = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
if redis.call('HEXISTS', KEYS[2], r.guard) == 0 then return { 'revoked' } end
local at, keep, ticket = int(r.at), r.keep, r.ticket
-- Zendesk repeats a delivery within minutes.
local REPLAY_MS = 3600000

local invocation = r.invocation ~= '' and prefix .. 'invocation:' .. part(r.invocation)
local known = invocation and redis.call('GET', invocation)
if known then
  local answer = cjson.decode(known)
  if answer.ticket == ticket then return { 'replayed', answer.session, ticket, answer.match, 1 } end
end

local function session_key(id) return prefix .. 'session:' .. id end

local function success(result, id, match, count)
  if invocation then
    redis.call('SET', invocation, cjson.encode({ session = id, ticket = ticket, match = match }), 'PX', REPLAY_MS)
  end
  return { result, id, ticket, match, count }
end

local function stamp(id, match, count, caller)
  local data = { ticketId = ticket, match = match }
  if count > 1 then data.candidates = count end
  if r.subject ~= cjson.null then data.subject = r.subject end
  put_ticket(prefix, id, ticket, match, at, data, keep, channel, r.notes, caller)
  enqueue_work(prefix, 'enrich', id, ticket, at)
  local status = redis.call('HGET', session_key(id), 'status')
  -- Whether the transfer carries it is known when the note is about to be written.
  if r.notes and (status == 'transferring' or status == 'transferred') then
    enqueue_work(prefix, 'late-note', id, ticket, at)
  end
  for _, phone in ipairs(r.phones) do
    local held = prefix .. 'held:' .. part(phone.e164)
    local waiting = r.hold > 0 and redis.call('GET', held)
    if waiting and cjson.decode(waiting).ticket == ticket then redis.call('DEL', held) end
  end
  return success('stamped', id, match, count)
end

-- Live sessions that carry this ticket: found by ticket, so that their number does not depend on that of the callers.
local function already(fits)
  for _, id in ipairs(redis.call('ZREVRANGE', prefix .. 'by-ticket:' .. part(ticket), 0, -1)) do
    local s = redis.call('HMGET', session_key(id), 'status', 'zendeskTicketId', 'callerE164', 'ticketMatch', 'enrichment')
    if s[1] and s[1] ~= 'ended' and s[2] == ticket and fits(s[3] or '', s[4] or '') then
      -- Sent again after an enrichment that failed, it is tried again; one that waits or runs is not doubled.
      if s[5] == 'failed' then enqueue_work(prefix, 'enrich', id, ticket, at) end
      return id, s[4] or ''
    end
  end
end

local own, own_match = already(function(_, match) return match == 'created' or match == 'talk_number' end)
if own then return success('already', own, own_match, 1) end

for _, phone in ipairs(r.phones) do
  local same = already(function(caller) return caller == phone.e164 end)
  if same then return success('already', same, phone.as, 1) end
  local ids = redis.call('ZREVRANGE', prefix .. 'live:caller:' .. part(phone.e164), 0, -1)
  local open, other, other_ticket, first = 0, nil, nil, nil
  for _, id in ipairs(ids) do
    local s = redis.call('HMGET', session_key(id), 'status', 'zendeskTicketId')
    if s[1] and s[1] ~= 'ended' then
      if s[2] then
        if not other then other, other_ticket = id, s[2] end
      else
        open = open + 1
        first = first or id
        if not phone.shared then break end
      end
    end
  end
  if open > 1 then return { 'ambiguous', '', '', phone.as, open } end
  if first then return stamp(first, phone.as, phone.shared and 1 or #ids) end
  if other then return { 'other', other, other_ticket, phone.as, #ids } end
end

local open, first = 0, nil
for _, number in ipairs(r.talk) do
  local index = prefix .. 'live:caller:' .. part(number)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, int(r.at - r.talkWindow), '+inf')) do
    local s = redis.call('HMGET', session_key(id), 'status', 'zendeskTicketId')
    if s[1] and s[1] ~= 'ended' and not s[2] then
      open = open + 1
      first = first or id
    end
  end
end
if open > 1 then return { 'ambiguous', '', '', 'talk_number', open } end
if first then return stamp(first, 'talk_number', 1, r.talkCaller ~= cjson.null and r.talkCaller or nil) end

local held = false
if r.hold > 0 then
  local phones, matches = {}, {}
  for _, phone in ipairs(r.phones) do
    -- Behind a shared number the next caller may be anyone.
    if not phone.shared and not matches[phone.e164] then
      phones[#phones + 1] = phone.e164
      matches[phone.e164] = phone.as
    end
  end
  local webhook = cjson.encode({ ticket = ticket, at = r.at, notes = r.notes, phones = phones, matches = matches,
    subject = r.subject })
  for _, phone in ipairs(phones) do
    redis.call('SET', prefix .. 'held:' .. part(phone), webhook, 'PX', int(r.hold))
    held = true
  end
end
return { held and 'held' or 'none', '', '', '', 0 }
