-- Status: where one place stands. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- KEYS[3] places
-- KEYS[4] passes
-- KEYS[5] ended
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] place
-- return -1  there is no valid copy
-- return {'waiting', number, turn, ahead}        `ahead` places wait before it
-- return {'admitted', number, turn, pass_until}  `pass_until` is sale time in ms
-- return {ended}  'left' or 'expired', and the journal has not been read since
-- return {'unknown'}  this copy knows nothing of it: ask Postgres
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local known = redis.call('HGET', KEYS[3], ARGV[2])
if known then
  local number, turn = string.match(known, '^(%d+):(%d+)')
  local ahead = redis.call('ZRANK', KEYS[2], ARGV[2])
  if ahead then
    return {'waiting', number, turn, ahead}
  end
  local pass_until = redis.call('ZSCORE', KEYS[4], ARGV[2])
  if pass_until then
    return {'admitted', number, turn, pass_until}
  end
end

local ended = redis.call('HGET', KEYS[5], ARGV[2])
if ended then
  return {ended}
end
return {'unknown'}
