-- Head: who waits first, in order. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] how many places at most
-- return -1  there is no valid copy
-- return places
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local places = redis.call('ZRANGE', KEYS[2], 0, ARGV[2] - 1)
return places
