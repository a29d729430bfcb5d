-- Put place: reconciliation makes one place what Postgres says it is, if this copy still sees it
-- as it did a moment ago, when the journal was empty of it. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- KEYS[3] visitors
-- KEYS[4] places
-- KEYS[5] passes
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] place
-- ARGV[3] how the copy saw it: "waiting:<number>", "admitted:<number>" or ''
-- ARGV[4] what it is: 'waiting', 'admitted', or '' when it is no longer live
-- ARGV[5] number
-- ARGV[6] turn
-- ARGV[7] visitor, '' unknown
-- ARGV[8] end of its pass in sale-time ms, '' while waiting
-- return -1  there is no valid copy; nothing was done
-- return 0   it has changed since; nothing was done
-- return 1   done
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local known = redis.call('HGET', KEYS[4], ARGV[2])
local number = known and string.match(known, '^(%d+):')
local seen = ''
if number and redis.call('ZSCORE', KEYS[2], ARGV[2]) then
  seen = 'waiting:' .. number
elseif number and redis.call('ZSCORE', KEYS[5], ARGV[2]) then
  seen = 'admitted:' .. number
end
if seen ~= ARGV[3] then
  return 0
end

redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('HDEL', KEYS[4], ARGV[2])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[4], ARGV[2], ARGV[5] .. ':' .. ARGV[6] .. ':' .. ARGV[7])
  if ARGV[7] ~= '' then
    redis.call('HSETNX', KEYS[3], ARGV[7], ARGV[2])
  end
end
if ARGV[4] == 'waiting' then
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[2])
elseif ARGV[4] == 'admitted' then
  redis.call('ZADD', KEYS[5], ARGV[8], ARGV[2])
end
return 1
