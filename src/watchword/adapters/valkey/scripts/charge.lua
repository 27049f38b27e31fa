-- Charge one bucket of sends. Returns how long to wait, 0 where it was charged, and its two arrival times after that.
-- Keys: the bucket. Arguments: term, now, [3-6] count and span of two windows.

local now = tonumber(ARGV[2])
local arrivals, wait = charged(KEYS[1], now, 3)
if wait == 0 then
  save_arrivals(KEYS[1], arrivals, now)
end
return { wait, arrivals[1], arrivals[2] }
