-- Drop: the line was over long ago, so nothing of it is needed here. Whatever life this copy is of
-- goes, but not what Postgres has yet to read of the life that counts. Repeating it changes nothing.
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
-- ARGV[1] "<epoch>:<run_id>" of the copy that counts
-- ARGV[2] id of the last journal entry that Postgres has
-- return -1  a copy of a later epoch is here or under way; nothing was done
-- return -2  the journal has entries that Postgres has not; nothing was done
-- return 0   nothing was there
-- return 1   dropped
local counts = tonumber(string.match(ARGV[1], '^%d+'))
for i = 1, 2 do
  local there = redis.call('GET', KEYS[i])
  if there and tonumber(string.match(there, '^%d+')) > counts then
    return -1
  end
end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  local unread = redis.call('XRANGE', KEYS[13], '(' .. ARGV[2], '+', 'COUNT', 1)
  if #unread > 0 then
    return -2
  end
end

local dropped = 0
for i = 1, 13 do
  dropped = dropped + redis.call('UNLINK', KEYS[i])
end
if dropped == 0 then
  return 0
end
return 1
