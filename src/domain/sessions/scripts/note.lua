-- One timeline entry by someone who does not own the session.
-- KEYS: session hash   ARGV: prefix, id, at, type, data   Answers 1, or 0 when there is no such session.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
timeline_note(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1
