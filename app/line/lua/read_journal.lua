-- Read journal: the next entries. Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] journal
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] id of the last entry that Postgres has
-- ARGV[3] how many entries at most
-- return -1  there is no valid copy
-- return entries  '<id> <place> <visitor> <number> <turn> <state> <pass_until> <network>' each,
--                 oldest first; visitor, pass_until and network may be empty
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

-- A join says only how its place differs from every new one: that waits for its first turn.
-- One word of an answer costs the reader as much as a whole line.
local entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[2], '+', 'COUNT', ARGV[3])
for i, entry in ipairs(entries) do
  local of = {}
  for j = 1, #entry[2], 2 do
    of[entry[2][j]] = entry[2][j + 1]
  end
  entries[i] = table.concat(
    {
      entry[1], of.place, of.visitor, of.number, of.turn or 0, of.state or 'waiting',
      of.pass_until or '', of.network or ''
    }, ' '
  )
end
return entries
