-- Settle: Postgres has the claim. Its numbers are no longer on offer or on lease, the fan may
-- claim again, and the place has been used. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- KEYS[3] leases
-- KEYS[4] lock:<fan>
-- KEYS[5] line
-- KEYS[6] visitors
-- KEYS[7] places
-- KEYS[8] passes
-- KEYS[9] gone
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] request id
-- ARGV[3] place
-- ARGV[4..] numbers that the claim holds
-- return -1  there is no valid copy; nothing was done
-- return 1   done
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

for i = 4, #ARGV do
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('ZREM', KEYS[3], ARGV[i])
end
if redis.call('GET', KEYS[4]) == ARGV[2] then
  redis.call('DEL', KEYS[4])
end

local known = redis.call('HGET', KEYS[7], ARGV[3])
if known then
  local visitor = string.match(known, '^%d+:%d+:(.*)$')
  if redis.call('HGET', KEYS[6], visitor) == ARGV[3] then
    redis.call('HDEL', KEYS[6], visitor)
  end
  redis.call('HDEL', KEYS[7], ARGV[3])
  redis.call('ZREM', KEYS[8], ARGV[3])
  if redis.call('ZREM', KEYS[5], ARGV[3]) == 1 then
    redis.call('RPUSH', KEYS[9], ARGV[3])
  end
end
return 1
