-- Rebuild end: the copy is complete. The bucket starts empty, and the epoch key, which makes the
-- copy valid, is written last.
--
-- KEYS[1] building
-- KEYS[2] seq
-- KEYS[3] bucket
-- KEYS[4] epoch
-- ARGV[1] "<epoch>:<run_id>" of the copy that was written
-- ARGV[2] the number before the next one to be given
-- ARGV[3] the highest number that was ever admitted
-- return -1  another copy is being written; nothing was done
-- return 1   the copy is valid
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

redis.call('SET', KEYS[2], ARGV[2])
local time = redis.call('TIME')
redis.call('HSET', KEYS[3], 'tokens', 0, 'at', time[1] * 1000 + math.floor(time[2] / 1000),
  'admitted', 0, 'top', ARGV[3])
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[4], ARGV[1])
return 1
