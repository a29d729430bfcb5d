-- Check: is there a valid copy? Changes nothing.
--
-- KEYS[1] epoch
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- return -1  there is no valid copy
-- return 1   there is
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
return 1
