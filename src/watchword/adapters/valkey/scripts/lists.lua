#!lua flags=allow-cross-slot-keys,no-writes
-- Look at the due lists of many partitions that one server has, without a call for each.
--
-- Arguments: term, [2] now, [3…] the lists, which are no keys of the call because they lie in many slots.
-- Returns for each that is not empty: its place among the arguments, how many entries are due, when its first one is.

local found = {}
for at = 3, #ARGV do
  local first = redis.call('ZRANGE', ARGV[at], 0, 0, 'WITHSCORES')
  if first[2] then
    found[#found + 1] = at - 3
    found[#found + 1] = redis.call('ZCOUNT', ARGV[at], '-inf', ARGV[2])
    found[#found + 1] = tonumber(first[2])
  end
end
return found
