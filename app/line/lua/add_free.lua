-- Add free: tickets have gone free in Postgres. A number on a living lease is left to it: if the
-- lease comes to nothing, reconciliation finds the number. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- KEYS[3] leases
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2..] numbers
-- return -1  there is no valid copy; nothing was done
-- return added  how many numbers are on offer now and were not
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local added = 0
for i = 2, #ARGV do
  if (tonumber(redis.call('ZSCORE', KEYS[3], ARGV[i])) or 0) <= now then
    redis.call('ZREM', KEYS[3], ARGV[i])
    added = added + redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i])
  end
end
return added
