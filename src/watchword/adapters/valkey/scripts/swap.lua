-- Compare a row as a whole and replace it, with what that changes in the lists of its partition.
--
-- Keys: row, due list, list of what was sent lately. Arguments: term, [2] the row as it was read, [3] as it shall be,
-- [4] member and [5] score for the third list ('' for none), [6] how long that list lives, [7…] members of the due
-- list with their scores, '' to take one out.
-- Returns 1, or the row as it is now.

local row = redis.call('GET', KEYS[1])
if row ~= ARGV[2] then
  return row
end
redis.call('SET', KEYS[1], ARGV[3], 'KEEPTTL')
for at = 7, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('ZREM', KEYS[2], ARGV[at])
  else
    redis.call('ZADD', KEYS[2], ARGV[at + 1], ARGV[at])
    local left = redis.call('PTTL', KEYS[1])
    if redis.call('PTTL', KEYS[2]) < left then
      redis.call('PEXPIRE', KEYS[2], left)
    end
  end
end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[4])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -101)
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
return 1
