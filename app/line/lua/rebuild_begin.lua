-- Rebuild begin: whatever this server holds of the event is not the copy that Postgres wants.
-- Wipe it, the epoch first and all in one step, and mark the new one as not yet ready.
--
-- KEYS[1] epoch
-- KEYS[2] building
-- KEYS[3] seq
-- KEYS[4] line
-- KEYS[5] visitors
-- KEYS[6] places
-- KEYS[7] passes
-- KEYS[8] free
-- KEYS[9] leases
-- KEYS[10] bucket
-- KEYS[11] ended
-- KEYS[12] gone
-- KEYS[13] journal
-- ARGV[1] "<epoch>:<run_id>" of the copy that is about to be written
-- return -1  a copy of a later epoch is here or under way; nothing was done
-- return 1   wiped
local coming = tonumber(string.match(ARGV[1], '^%d+'))
for i = 1, 2 do
  local there = redis.call('GET', KEYS[i])
  if there and tonumber(string.match(there, '^%d+')) > coming then
    return -1
  end
end
for i = 1, 13 do
  redis.call('UNLINK', KEYS[i])
end
redis.call('SET', KEYS[2], ARGV[1])
return 1
