-- Leave: give a place up, waiting or admitted. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- KEYS[3] visitors
-- KEYS[4] places
-- KEYS[5] passes
-- KEYS[6] journal
-- KEYS[7] ended
-- KEYS[8] gone
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] place
-- return -1  there is no valid copy; nothing was done
-- return 0   this copy knows no such live place
-- return 1   the place has ended
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local known = redis.call('HGET', KEYS[4], ARGV[2])
if not known then
  return 0
end

local number, turn, visitor = string.match(known, '^(%d+):(%d+):(.*)$')
if redis.call('ZREM', KEYS[2], ARGV[2]) == 1 then
  redis.call('RPUSH', KEYS[8], ARGV[2])
end
redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('HDEL', KEYS[4], ARGV[2])
if redis.call('HGET', KEYS[3], visitor) == ARGV[2] then
  redis.call('HDEL', KEYS[3], visitor)
end
redis.call('HSET', KEYS[7], ARGV[2], 'left')
redis.call('XADD', KEYS[6], '*', 'place', ARGV[2], 'visitor', visitor, 'number', number,
  'turn', turn, 'state', 'left', 'pass_until', '')
return 1
