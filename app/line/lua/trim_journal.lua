-- Trim journal: Postgres has every entry up to and with this one. Repeating it changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] journal
-- KEYS[3] ended
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] id of the last entry that Postgres has
-- ARGV[3..] places whose end Postgres has
-- return -1  there is no valid copy; nothing was done
-- return trimmed  how many entries went
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

for i = 3, #ARGV do
  redis.call('HDEL', KEYS[3], ARGV[i])
end
local trimmed = redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
trimmed = trimmed + redis.call('XDEL', KEYS[2], ARGV[2])
return trimmed
