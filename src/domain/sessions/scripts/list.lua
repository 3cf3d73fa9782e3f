-- One page of sessions or contacts, newest first.
-- KEYS: index (zset of ids by time)
-- ARGV: prefix, limit, from or '-inf', to or '+inf', cursor time or '', cursor id, how many ids to look at most, then the
--       filters: 'live' | 'ended' | '', caller or '', ticket or '', end reason or '', outcome of the last transfer,
--       'not-connected' or ''; then the fields that are wanted of each session, none for their ids alone
-- Answers {ids, or the values of the fields of each; '1' when there may be more else '0'; time of the last one looked at;
-- its id}. Asked for one by one the sessions cost the gateway twice as much.
local index, prefix, limit, budget = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[7])
local from, to, cursor_at, cursor_id = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local live, caller, ticket, reason, outcome = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local fields = { unpack(ARGV, 13) }
local filtered = live ~= '' or caller ~= '' or ticket ~= '' or reason ~= '' or outcome ~= ''

-- Of the last transfer, '' when there was none or it has not been decided.
local function outcome_of(transfer)
  if not transfer then return '' end
  local record = cjson.decode(transfer)
  return type(record.outcome) == 'string' and record.outcome or ''
end

local function wanted(id)
  local s = redis.call('HMGET', prefix .. 'session:' .. id, 'status', 'callerE164', 'zendeskTicketId', 'endReason', 'transfer')
  -- Without a status the hash ran out while no gateway was there to clean up.
  if not s[1] then return false end
  if live == 'live' and s[1] == 'ended' then return false end
  if live == 'ended' and s[1] ~= 'ended' then return false end
  if caller ~= '' and s[2] ~= caller then return false end
  if ticket ~= '' and s[3] ~= ticket then return false end
  if reason ~= '' and s[4] ~= reason then return false end
  if outcome ~= '' then
    local came_to = outcome_of(s[5])
    if outcome == 'not-connected' then return came_to ~= '' and came_to ~= 'connected' end
    return came_to == outcome
  end
  return true
end

if cursor_at and (to == '+inf' or cursor_at < tonumber(to)) then to = int(cursor_at) end
local page, looked, offset = {}, 0, 0
local last_at, last_id = '', ''
local batch = math.max(limit + 1, 100)
while true do
  local found = redis.call('ZREVRANGEBYSCORE', index, to, from, 'WITHSCORES', 'LIMIT', offset, batch)
  local kept = 0
  for i = 1, #found, 2 do
    local id, at = found[i], found[i + 1]
    -- Sessions that started in one millisecond stand in descending order of their ids; those up to the cursor were given.
    if not (cursor_at and tonumber(at) == cursor_at and id >= cursor_id) then
      if #page == limit or looked == budget then return { page, '1', last_at, last_id } end
      looked = looked + 1
      last_at, last_id = at, id
      if not filtered or wanted(id) then
        page[#page + 1] = #fields == 0 and id or redis.call('HMGET', prefix .. 'session:' .. id, unpack(fields))
      end
    end
    kept = kept + 1
  end
  if #found < 2 * batch then return { page, '0', '', '' } end
  offset = offset + kept
end
