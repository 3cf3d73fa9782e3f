-- Applies numbered changes of one session by its owner, in order; a number that was applied before is passed over.
-- KEYS: session hash
-- ARGV: prefix, id, instance, keep ms, then for each change: its number, count of fields to set, field, value, …, count
--       of fields to unset, field, …, count of timeline entries, at, type, data, …
-- Answers {'ok' | 'missing' | 'reaped' | 'foreign', number of the last change applied, ticket id or ''}, with '1' at the
-- end when there is work with Zendesk now; on anything but 'ok' nothing was changed.
local key, prefix, id, instance, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local s = redis.call('HMGET', key, 'seq', 'status', 'endReason', 'instanceId', 'zendeskTicketId', 'noteAtEnd', 'handedOver')
if not s[1] then return { 'missing', '0', '' } end
if s[4] ~= instance then return { 'foreign', s[1], '' } end
if s[3] == 'instance-lost' and redis.call('HEXISTS', key, 'reapedStatus') == 1 then return { 'reaped', s[1], '' } end

local seq = tonumber(s[1])
local ended_before = s[2] == 'ended'
local ends, recorded = false, false
local answer = { 'ok' }
local handed_over = s[7] or ''

-- What the agent tells the human is on the ticket before the human has the call; once for all attempts of a transfer.
local function hand_over(at, data)
  local summary = cjson.decode(data).summary
  if not s[5] or not s[6] or type(summary) ~= 'string' or summary == handed_over then return end
  handed_over = summary
  redis.call('HSET', key, 'handedOver', summary)
  enqueue_work(prefix, 'hand-over', id, s[5], at)
  answer[4] = '1'
end

local at = 5
while ARGV[at] do
  local number, sets = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local first_set = at + 2
  local unsets_at = first_set + 2 * sets
  local unsets = tonumber(ARGV[unsets_at])
  local notes_at = unsets_at + 1 + unsets
  local notes = tonumber(ARGV[notes_at])
  if number > seq then
    local fields = {}
    for i = first_set, unsets_at - 1 do
      fields[#fields + 1] = ARGV[i]
      if ARGV[i] == 'recordings' and (i - first_set) % 2 == 0 then recorded = true end
      if ARGV[i] == 'status' and (i - first_set) % 2 == 0 and ARGV[i + 1] == 'ended' then ends = true end
    end
    hset(key, fields)
    for i = unsets_at + 1, unsets_at + unsets do redis.call('HDEL', key, ARGV[i]) end
    for n = 1, notes do
      local e = notes_at + 1 + (n - 1) * 3
      timeline_add(prefix, id, int(number) .. '-' .. n, ARGV[e], ARGV[e + 1], ARGV[e + 2])
      if ARGV[e + 1] == 'transfer.started' then hand_over(ARGV[e], ARGV[e + 2]) end
    end
    seq = number
  end
  at = notes_at + 1 + notes * 3
end
redis.call('HSET', key, 'seq', int(seq))
if recorded then index_add(prefix .. 'recorded', redis.call('HGET', key, 'startedAt'), id, keep) end
if ends and not ended_before then settle_end(prefix, id, keep) end
answer[2], answer[3] = int(seq), s[5] or ''
return answer
