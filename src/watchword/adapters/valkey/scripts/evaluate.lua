-- Evaluate a guess on the row alone, after a unit of the budget was reserved elsewhere.
--
-- Keys: the row. Arguments: term, now, [3] app, [4] digits, [5] '1' where the code matches, [6] purpose and [7] address
-- expected. Returns: outcome, row, and '1' where a guess was wrong.

local row = redis.call('GET', KEYS[1])
local r = row and read_row(row)
if not r or r.app ~= ARGV[3] then
  return { 'unknown' }
end
local ended = over(r, ARGV[1], tonumber(ARGV[2]))
if ended then
  return { ended, row, '' }
end
local typed = { digits = tonumber(ARGV[4]), matches = ARGV[5] == '1', purpose = ARGV[6], address = ARGV[7] }
local outcome, changed, guessed = evaluate(KEYS[1], row, r, typed)
return { outcome, changed, guessed and '1' or '' }
