-- Claims numbers and UUIDs for an organization, all or none.
-- KEYS[1] hash of claims: field -> "<organization> <ms of Redis' clock> <nonce>"
-- ARGV[1] organization, ARGV[2] nonce, ARGV[3] how many fields, then the fields, then for each field the text of a
-- claim that may be taken over ("" for none).
-- Returns for each field somebody else holds: the field, that claim's text, its age in ms. Empty: all are claimed now.
local org, nonce, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local held = {}
for i = 1, count do
  local field, replaceable = ARGV[3 + i], ARGV[3 + count + i]
  local current = redis.call('HGET', KEYS[1], field)
  if current and current ~= replaceable then
    local owner, since = string.match(current, '^(%S+) (%d+) ')
    if owner ~= org then
      held[#held + 1] = field
      held[#held + 1] = current
      held[#held + 1] = now - (tonumber(since) or 0)
    end
  end
end
if #held == 0 then
  local claim = org .. ' ' .. string.format('%.0f', now) .. ' ' .. nonce
  for i = 1, count do redis.call('HSET', KEYS[1], ARGV[3 + i], claim) end
end
return held
