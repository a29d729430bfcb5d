-- Spend: a challenge counts once, for one place. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] the challenge
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] place
-- ARGV[3] seconds until the challenge has run out
-- return -1  there is no valid copy; nothing was done
-- return 0   it was counted for another place
-- return 1   it counts for this place
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'EX', ARGV[3]) then
  return 1
end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then
  return 0
end
return 1
