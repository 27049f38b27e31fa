-- Take what is due out of a partition's list until a lease ends, each entry by one caller alone.
--
-- Whether it is handed over is decided afterwards, on its row. Whoever dies in between leaves an entry that is due
-- again when the lease ends, and a row that says nothing was handed over.
-- Keys: due list. Arguments: term, [2] now, [3] when the lease ends, [4] how many at most, [5] what the keys of rows
-- begin with. Returns each entry's member and row.

local taken = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])) do
  local row = redis.call('GET', ARGV[5] .. string.sub(member, 1, 16))
  if row then
    redis.call('ZADD', KEYS[1], ARGV[3], member)
    taken[#taken + 1] = member
    taken[#taken + 1] = row
  else
    redis.call('ZREM', KEYS[1], member)
  end
end
return taken
