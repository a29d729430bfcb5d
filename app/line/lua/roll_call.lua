-- Roll call: how this copy sees the places that Postgres calls live. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- KEYS[3] places
-- KEYS[4] passes
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2..] places, at most 1,000
-- return -1  there is no valid copy
-- return {waiting, inside, seen}  how many places wait and how many hold a pass, of all; then for
--            each place asked about "waiting:<number>", "admitted:<number>" or '', in one string
--            with a comma between: a thousand small answers cost the reader too much
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local waiting, inside = redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[4])
local seen = {}
for i = 2, #ARGV do
  local known = redis.call('HGET', KEYS[3], ARGV[i])
  local number = known and string.match(known, '^(%d+):')
  if number and redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    seen[#seen + 1] = 'waiting:' .. number
  elseif number and redis.call('ZSCORE', KEYS[4], ARGV[i]) then
    seen[#seen + 1] = 'admitted:' .. number
  else
    seen[#seen + 1] = ''
  end
end
seen = table.concat(seen, ',')
return {waiting, inside, seen}
