-- Lengthen: a pass runs out later, as Postgres has decided. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] passes
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] place
-- ARGV[3] end of the pass in sale-time ms
-- return -1  there is no valid copy; nothing was done
-- return 0   the place has no pass here
-- return 1   its pass runs to this end, or to a later one
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

if not redis.call('ZSCORE', KEYS[2], ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[2], 'XX', 'GT', ARGV[3], ARGV[2])
return 1
