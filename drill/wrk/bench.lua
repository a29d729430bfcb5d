-- What wrk sends, and what it counts. Called with: a folder, "once" or "again", "look" or "count".
--
-- Each thread of wrk has a slice of its own: the file <folder>/<thread>, whole HTTP requests with a
-- NUL between each two. "once" sends each request at most once and says so when they run out;
-- "again" begins from the front. "look" counts the answers by status; "count" leaves that out, for which
-- wrk reads all headers of each answer. The last line that it prints is JSON, read by drill/load.py.

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("slice", #threads)
end

function init(args)
  requests, sent, ran_out, statuses = {}, 0, 0, {}
  once = args[2] == "once"
  if args[3] == "count" then
    response = nil
  end
  local file = assert(io.open(args[1] .. "/" .. slice, "rb"))
  for whole in file:read("*a"):gmatch("%Z+") do
    requests[#requests + 1] = whole
  end
  file:close()
end

function request()
  if sent == #requests then
    if once then
      ran_out = 1
    end
    sent = 0
  end
  sent = sent + 1
  return requests[sent]
end

-- wrk itself only knows "400 or more"; a redirect to the wrong page would pass for an answer.
function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
  local counted, used, out = {}, {}, false
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      counted[status] = (counted[status] or 0) + count
    end
    used[#used + 1] = thread:get("sent")
    out = out or thread:get("ran_out") == 1
  end
  local words = {}
  for status, count in pairs(counted) do
    words[#words + 1] = string.format('"%d": %d', status, count)
  end
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout
  print(string.format(
    '{"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "lost": %d,'
      .. ' "refused": %d, "ran_out": %s, "used": [%s], "statuses": {%s}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), lost,
    summary.errors.status, tostring(out), table.concat(used, ", "), table.concat(words, ", ")
  ))
end
