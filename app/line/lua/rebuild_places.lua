-- Rebuild places: one chunk of the live places.
--
-- KEYS[1] building
-- KEYS[2] line
-- KEYS[3] visitors
-- KEYS[4] places
-- KEYS[5] passes
-- ARGV[1] "<epoch>:<run_id>" of the copy that is being written
-- ARGV[2] the places, a line each: place, visitor ('' unknown), number, turn, end of its pass in
--         sale-time ms ('' while waiting), with a space between each two
-- return -1  another copy is being written; nothing was done
-- return 1   done
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

for place, visitor, number, turn, pass_until in
  string.gmatch(ARGV[2], '(%S+) (%S*) (%d+) (%d+) (%d*)\n')
do
  redis.call('HSET', KEYS[4], place, number .. ':' .. turn .. ':' .. visitor)
  if visitor ~= '' then
    redis.call('HSETNX', KEYS[3], visitor, place)
  end
  if pass_until == '' then
    redis.call('ZADD', KEYS[2], number, place)
  else
    redis.call('ZADD', KEYS[5], pass_until, place)
  end
end
return 1
