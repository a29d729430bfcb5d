-- Admit: let passes run out, fill the bucket by the time that went by, and admit the first of
-- the line while there is room. Driven by time, not by who calls it or how often.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- KEYS[3] visitors
-- KEYS[4] places
-- KEYS[5] passes
-- KEYS[6] free
-- KEYS[7] bucket
-- KEYS[8] journal
-- KEYS[9] ended
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] 1 while the sale is open, 0 when nobody may be admitted
-- ARGV[3] places admitted per minute
-- ARGV[4] pass capacity: how many may be inside at once
-- ARGV[5] tickets free in Postgres
-- ARGV[6] length of a pass in ms
-- ARGV[7] length of all pauses that are over, in ms
-- ARGV[8] since when the sale is paused, in ms; 0 when it is not
-- ARGV[9] the highest number that may be admitted, '' without limit
-- ARGV[10] how many places one call may admit, and how many passes it may let run out
-- return -1  there is no valid copy; nothing was done
-- return {admitted, expired, returned, waiting, inside}  `returned` passes ran out and their
--            places went back into the line, `expired` ones are over
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local open = ARGV[2] == '1'
local sale_now = (ARGV[8] == '0' and now or tonumber(ARGV[8])) - tonumber(ARGV[7])
local free = math.min(tonumber(ARGV[5]), redis.call('ZCARD', KEYS[6]))

local function journal(place, visitor, number, turn, state, pass_until)
  redis.call('XADD', KEYS[8], '*', 'place', place, 'visitor', visitor, 'number', number,
    'turn', turn, 'state', state, 'pass_until', pass_until)
end

-- A pass that ran out while there was nothing to buy was no turn: the place goes back to where
-- it stood. Otherwise it is over.
local expired, returned = 0, 0
local over = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', sale_now, 'LIMIT', 0, ARGV[10])
for _, place in ipairs(over) do
  local known = redis.call('HGET', KEYS[4], place) or ''
  local number, turn, visitor = string.match(known, '^(%d+):(%d+):(.*)$')
  redis.call('ZREM', KEYS[5], place)
  if number and (free == 0 or not open) then
    turn = turn + 1
    redis.call('HSET', KEYS[4], place, number .. ':' .. turn .. ':' .. visitor)
    redis.call('ZADD', KEYS[2], number, place)
    journal(place, visitor, number, turn, 'waiting', '')
    returned = returned + 1
  elseif number then
    redis.call('HDEL', KEYS[4], place)
    if redis.call('HGET', KEYS[3], visitor) == place then
      redis.call('HDEL', KEYS[3], visitor)
    end
    redis.call('HSET', KEYS[9], place, 'expired')
    journal(place, visitor, number, turn, 'expired', '')
    expired = expired + 1
  end
end

-- A token is 60,000: the rate per minute times the milliseconds that went by, so all is whole
-- numbers. At most 5 s count at once, and the bucket holds 2 s (but at least one).
local bucket = redis.call('HMGET', KEYS[7], 'tokens', 'at', 'top')
local tokens, at, top = tonumber(bucket[1]) or 0, tonumber(bucket[2]) or now, tonumber(bucket[3]) or 0
local rate = tonumber(ARGV[3])
if open then
  tokens = tokens + rate * math.max(0, math.min(now - at, 5000))
  tokens = math.min(tokens, math.max(60000, rate * 2000))
end

local inside = redis.call('ZCARD', KEYS[5])
local room = math.min(math.floor(tokens / 60000), tonumber(ARGV[4]) - inside, free - inside)
local admitted = 0
if open and room > 0 then
  local limit = ARGV[9] == '' and '+inf' or ARGV[9]
  room = math.min(room, tonumber(ARGV[10]))
  local first = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', limit, 'LIMIT', 0, room)
  local pass_until = sale_now + tonumber(ARGV[6])
  for _, place in ipairs(first) do
    local known = redis.call('HGET', KEYS[4], place) or ''
    local number, turn, visitor = string.match(known, '^(%d+):(%d+):(.*)$')
    redis.call('ZREM', KEYS[2], place)
    -- A place without its facts would stop everyone behind it; reconciliation brings it back.
    if number then
      redis.call('ZADD', KEYS[5], pass_until, place)
      journal(place, visitor, number, turn, 'admitted', pass_until)
      top = math.max(top, tonumber(number))
      admitted = admitted + 1
    end
  end
end
redis.call('HSET', KEYS[7], 'tokens', tokens - admitted * 60000, 'at', now, 'top', top)
redis.call('HINCRBY', KEYS[7], 'admitted', admitted)

local waiting = redis.call('ZCARD', KEYS[2])
inside = inside + admitted
return {admitted, expired, returned, waiting, inside}
