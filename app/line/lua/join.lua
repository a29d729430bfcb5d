-- Join: a visitor who has a place gets that one again, so repeating it changes nothing;
-- otherwise the next number, unless too many joined from the same network this minute.
--
-- KEYS[1] epoch
-- KEYS[2] seq
-- KEYS[3] line
-- KEYS[4] visitors
-- KEYS[5] places
-- KEYS[6] journal
-- KEYS[7] joins of the visitor's network
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] visitor
-- ARGV[3] id for the place, if one is made
-- ARGV[4] how many may be made a minute for one network, 0 without limit
-- ARGV[5] the network's mark, '' unknown; only the journal carries it on
-- return -1       there is no valid copy; nothing was done
-- return found    the visitor's place as 'place number': a list costs Redis 2 us more
-- return seconds  too many: no place was made; it may be tried again after so long
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local place = redis.call('HGET', KEYS[4], ARGV[2])
local known = place and redis.call('HGET', KEYS[5], place)
local number = known and tonumber(string.match(known, '^%d+'))

if not number then
  if ARGV[4] ~= '0' then
    local joined = redis.call('INCR', KEYS[7])
    if joined == 1 then
      redis.call('EXPIRE', KEYS[7], 60)
    elseif joined > tonumber(ARGV[4]) then
      local seconds = math.max(redis.call('TTL', KEYS[7]), 1)
      return seconds
    end
  end
  place = ARGV[3]
  number = redis.call('INCR', KEYS[2])
  redis.call('ZADD', KEYS[3], number, place)
  redis.call('HSET', KEYS[4], ARGV[2], place)
  redis.call('HSET', KEYS[5], place, number .. ':0:' .. ARGV[2])
  redis.call('XADD', KEYS[6], '*', 'place', place, 'visitor', ARGV[2], 'number', number,
    'network', ARGV[5])
end

local found = place .. ' ' .. number
return found
