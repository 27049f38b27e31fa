-- Charge one bucket of sends. Returns how long to wait, 0 where it was charged; its two arrival times after that; and 1
-- where the send is to be answered quietly.
-- Keys: the bucket. Arguments: term, now, [3-6] count and span of two windows, [7] how many of them refuse
-- ('' for all).

local now = tonumber(ARGV[2])
local arrivals, wait, quiet = charged(KEYS[1], now, 3, ARGV[7])
if wait == 0 then
  save_arrivals(KEYS[1], arrivals, now)
end
return { wait, arrivals[1], arrivals[2], quiet and 1 or 0 }
