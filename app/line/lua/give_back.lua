-- Give back: the claim was not made. Only numbers that this request still has on lease are
-- touched: later they may be on lease to someone else. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- KEYS[3] leases
-- KEYS[4] lock:<fan>
-- KEYS[5] req:<request>
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] request id
-- ARGV[3] how many of the numbers that follow are still free in Postgres; the others are not
-- ARGV[4..] numbers
-- return -1  there is no valid copy; nothing was done
-- return returned  how many numbers are on offer again
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local mine = {}
for _, number in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do
  mine[number] = true
end
local returned = 0
for i = 4, #ARGV do
  if mine[ARGV[i]] and redis.call('ZREM', KEYS[3], ARGV[i]) == 1 and i - 3 <= tonumber(ARGV[3]) then
    returned = returned + redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i])
  end
end
redis.call('DEL', KEYS[5])
if redis.call('GET', KEYS[4]) == ARGV[2] then
  redis.call('DEL', KEYS[4])
end
return returned
