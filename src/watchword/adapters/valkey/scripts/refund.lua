-- Give back exactly one send that `charge` took and that was not made.
-- Keys: the bucket. Arguments: term, now, [3-6] count and span of two windows.

local now, arrivals = tonumber(ARGV[2]), read_arrivals(KEYS[1])
for window = 1, 2 do
  local count, per = tonumber(ARGV[1 + 2 * window]), tonumber(ARGV[2 + 2 * window])
  if count > 0 then
    arrivals[window] = math.max(0, arrivals[window] - math.ceil(per / count))
  end
end
save_arrivals(KEYS[1], arrivals, now)
return 1
