-- Take: the lowest free ticket numbers for one claim, on lease until Postgres has decided.
-- The same request gets the same numbers again and pops only once.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- KEYS[3] leases
-- KEYS[4] lock:<fan>
-- KEYS[5] req:<request>
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] request id
-- ARGV[3] quantity
-- ARGV[4] length of the lease in ms
-- return -1  there is no valid copy; nothing was done
-- return {-3}        another request of this fan is claiming; nothing was done
-- return {-2, free}  only so many numbers are free; nothing was done
-- return numbers     the ticket numbers
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local numbers = redis.call('LRANGE', KEYS[5], 0, -1)
if #numbers > 0 then
  return numbers
end

local owner = redis.call('GET', KEYS[4])
if owner and owner ~= ARGV[2] then
  return {-3}
end
local quantity = tonumber(ARGV[3])
local free = redis.call('ZCARD', KEYS[2])
if free < quantity then
  return {-2, free}
end

local time = redis.call('TIME')
local lease_until = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4])
local popped = redis.call('ZPOPMIN', KEYS[2], quantity)
for i = 1, #popped, 2 do
  numbers[#numbers + 1] = popped[i]
  redis.call('ZADD', KEYS[3], lease_until, popped[i])
  redis.call('RPUSH', KEYS[5], popped[i])
end
-- The answer is remembered as long as the numbers are on lease, and not longer: after that they
-- may be someone else's.
redis.call('PEXPIRE', KEYS[5], ARGV[4])
redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[4])
return numbers
