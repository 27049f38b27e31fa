-- One bucket of sends, as it stands: the theoretical arrival time for each of two windows.
-- Keys: the bucket. Arguments: term.

local arrivals = read_arrivals(KEYS[1])
return { arrivals[1], arrivals[2] }
