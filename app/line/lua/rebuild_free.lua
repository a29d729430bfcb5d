-- Rebuild free: one chunk of the tickets that no claim holds.
--
-- KEYS[1] building
-- KEYS[2] free
-- ARGV[1] "<epoch>:<run_id>" of the copy that is being written
-- ARGV[2..] numbers
-- return -1  another copy is being written; nothing was done
-- return 1   done
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

for i = 2, #ARGV do
  redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i])
end
return 1
