-- Drop free: tickets are no longer free in Postgres, or no longer exist. Repeating it changes
-- nothing.
--
-- KEYS[1] epoch
-- KEYS[2] free
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2..] numbers
-- return -1  there is no valid copy; nothing was done
-- return dropped  how many numbers were on offer and are not now
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local dropped = 0
for i = 2, #ARGV do
  dropped = dropped + redis.call('ZREM', KEYS[2], ARGV[i])
end
return dropped
