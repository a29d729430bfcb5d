-- Look: one range of ticket numbers, for reconciliation. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- KEYS[3] leases
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] lowest number
-- ARGV[3] the number behind the highest; at most 1,000 numbers are looked at
-- return -1  there is no valid copy
-- return {now, free, leased}  now in ms; the free numbers, and number, end of its lease in ms, ...,
--            each in one string between spaces: a thousand small answers cost the reader too much
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local free = redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], '(' .. ARGV[3])
local low, high = tonumber(ARGV[2]), math.min(ARGV[2] + 1000, tonumber(ARGV[3]))
local leased = {}
-- Few are on lease at a time; a thousand questions are asked only when they are more than that.
if redis.call('ZCARD', KEYS[3]) < 1000 then
  local all = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local number = tonumber(all[i])
    if low <= number and number < high then
      leased[#leased + 1] = all[i]
      leased[#leased + 1] = all[i + 1]
    end
  end
else
  for number = low, high - 1 do
    local lease_until = redis.call('ZSCORE', KEYS[3], number)
    if lease_until then
      leased[#leased + 1] = number
      leased[#leased + 1] = lease_until
    end
  end
end
free, leased = table.concat(free, ' '), table.concat(leased, ' ')
return {now, free, leased}
