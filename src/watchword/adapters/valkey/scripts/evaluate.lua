-- Evaluate a guess on the row alone, after a unit of the budget was reserved elsewhere.
--
-- Keys: the row. Arguments: term, now, [3] app, [4-9] what was typed (rows.lua).
-- Returns: outcome, row, and '1' where a guess was wrong.

local row = redis.call('GET', KEYS[1])
local r = row and read_row(row)
if not r or r.app ~= ARGV[3] then
  return { 'unknown' }
end
local ended = over(r, ARGV[1], tonumber(ARGV[2]))
if ended then
  return { ended, row, '' }
end
local outcome, changed, guessed = evaluate(KEYS[1], row, r, read_typed(4))
return { outcome, changed, guessed and '1' or '' }
