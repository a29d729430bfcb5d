-- Roll members: some of the places that this copy holds, by rank. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line or passes
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] first rank
-- ARGV[3] last rank; at most 1,000 behind the first
-- return -1  there is no valid copy
-- return places
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
local places = redis.call('ZRANGE', KEYS[2], ARGV[2], ARGV[3])
return places
