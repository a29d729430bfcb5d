-- Restore: a browser brings a place that this copy does not know, because it was made in the
-- last second of a lost one. It goes back in at its own number. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] seq
-- KEYS[3] line
-- KEYS[4] visitors
-- KEYS[5] places
-- KEYS[6] passes
-- KEYS[7] journal
-- KEYS[8] ended
-- KEYS[9] bucket
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] place
-- ARGV[3] visitor
-- ARGV[4] number
-- ARGV[5] turn
-- ARGV[6] state, 'waiting' or 'admitted'
-- ARGV[7] pass_until in sale-time ms, '' while waiting
-- return -1  there is no valid copy; nothing was done
-- return 0   the place has ended in this copy's life; nothing was done
-- return 1   the place is live
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
if redis.call('ZSCORE', KEYS[3], ARGV[2]) or redis.call('ZSCORE', KEYS[6], ARGV[2]) then
  return 1
end
if redis.call('HEXISTS', KEYS[8], ARGV[2]) == 1 then
  return 0
end

redis.call('HSET', KEYS[5], ARGV[2], ARGV[4] .. ':' .. ARGV[5] .. ':' .. ARGV[3])
if ARGV[3] ~= '' then
  redis.call('HSETNX', KEYS[4], ARGV[3], ARGV[2])
end
if ARGV[6] == 'admitted' then
  redis.call('ZADD', KEYS[6], ARGV[7], ARGV[2])
  local top = tonumber(redis.call('HGET', KEYS[9], 'top')) or 0
  redis.call('HSET', KEYS[9], 'top', math.max(top, tonumber(ARGV[4])))
else
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
end
-- Numbers given before the loss lie below this copy's first one; a number must never come twice.
if tonumber(redis.call('GET', KEYS[2])) < tonumber(ARGV[4]) then
  redis.call('SET', KEYS[2], ARGV[4])
end
redis.call('XADD', KEYS[7], '*', 'place', ARGV[2], 'visitor', ARGV[3], 'number', ARGV[4],
  'turn', ARGV[5], 'state', ARGV[6], 'pass_until', ARGV[7])
return 1
