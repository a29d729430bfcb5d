-- Snapshot: enough of the line to tell anyone who is not near its head where they stand.
-- Changes nothing.
--
-- KEYS[1] epoch
-- KEYS[2] line
-- KEYS[3] passes
-- KEYS[4] free
-- KEYS[5] seq
-- KEYS[6] bucket
-- KEYS[7] gone
-- ARGV[1] "<epoch>:<run_id>" that the copy must be of
-- ARGV[2] ranks between two pivots near the head
-- ARGV[3] how many entries of `gone` the caller has
-- ARGV[4] how many more of them to send at most
-- return -1  there is no valid copy
-- return {counts, ranks, numbers, gone}
--     counts = {waiting, inside, free, last number given, admitted in this life,
--               highest number ever admitted}
--     ranks and numbers of the pivots: the head is one, the next ones are ARGV[2] apart, or 1 %
--     of their rank if that is more, and the end of the line is one
--     gone = the entries from ARGV[3] on
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end

local waiting = redis.call('ZCARD', KEYS[2])
local bucket = redis.call('HMGET', KEYS[6], 'admitted', 'top')
local counts = {
  waiting,
  redis.call('ZCARD', KEYS[3]),
  redis.call('ZCARD', KEYS[4]),
  tonumber(redis.call('GET', KEYS[5])),
  tonumber(bucket[1]) or 0,
  tonumber(bucket[2]) or 0,
}

local ranks, numbers = {}, {}
local rank, step = 0, tonumber(ARGV[2])
while rank < waiting do
  local pivot = redis.call('ZRANGE', KEYS[2], rank, rank, 'WITHSCORES')
  ranks[#ranks + 1] = rank
  numbers[#numbers + 1] = tonumber(pivot[2])
  if rank == waiting - 1 then
    break
  end
  rank = math.min(math.max(rank + step, math.floor(rank * 1.01)), waiting - 1)
end

local gone = redis.call('LRANGE', KEYS[7], ARGV[3], ARGV[3] + ARGV[4] - 1)
return {counts, ranks, numbers, gone}
