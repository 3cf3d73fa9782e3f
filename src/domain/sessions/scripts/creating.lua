-- Marks a session for which a ticket of our own is being made, or takes the mark away.
-- KEYS: session hash   ARGV: the time the mark ends (ms) or ''   Answers 1, or 0 when there is no such session.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '' then redis.call('HDEL', KEYS[1], 'ticketCreating')
else redis.call('HSET', KEYS[1], 'ticketCreating', ARGV[1]) end
return 1
