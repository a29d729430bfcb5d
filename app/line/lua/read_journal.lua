-- Read journal: the next entries. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] journal
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] id of the last entry that Postgres has
-- ARGV[3] how many entries at most
-- return -1  there is no valid copy
-- return entries  {{id, {field, value, ...}}, ...}, oldest first
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[2], '+', 'COUNT', ARGV[3])
return entries
