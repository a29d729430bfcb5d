-- Heal: reconciliation saw these differences twice; act on those that still hold. Only here is a
-- lease that ran out given back. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- KEYS[3] leases
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] how many of the numbers that follow are to be added; the others are to be dropped
-- ARGV[3..] numbers
-- return -1  there is no valid copy; nothing was done
-- return healed  how many numbers were changed
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local healed = 0
for i = 3, #ARGV do
  local changed = 0
  if (tonumber(redis.call('ZSCORE', KEYS[3], ARGV[i])) or 0) <= now then
    changed = redis.call('ZREM', KEYS[3], ARGV[i])
    if i - 2 <= tonumber(ARGV[2]) then
      changed = redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i])
    end
  end
  if i - 2 > tonumber(ARGV[2]) then
    changed = math.max(changed, redis.call('ZREM', KEYS[2], ARGV[i]))
  end
  healed = healed + changed
end
return healed
