-- Take one unit of a recipient's budget before a guess is evaluated elsewhere: it counts as wrong until it is settled.
--
-- Keys: the bucket. Arguments: term, now, [3] the ceiling ('' for a binding), [4] the guesses that the durable store has
-- ('' where it was not asked), [5] their lifetime here, [6…] count and span of each budget.
-- Returns: 'reserved' with round and streak; or 'cold', 'closed', 'limited' with the wait, or 'busy' where it is only
-- guesses under way that leave no room; and the guesses.

local term, now = ARGV[1], tonumber(ARGV[2])
local guesses, text = load_guesses(KEYS[1], term, ARGV[4], ARGV[5])
if not guesses then
  return { 'cold', 0, 0, '' }
end
if ARGV[3] ~= '' and guesses.streak >= tonumber(ARGV[3]) then
  local word = guesses.streak - guesses.open >= tonumber(ARGV[3]) and 'closed' or 'busy'
  return { word, 0, 0, text }
end
local wait = guess_wait(guesses.log, now, 6)
if wait > 0 then
  return { guesses.open > 0 and 'busy' or 'limited', wait, 0, text }
end
local streak = guesses.streak
note_wrong(guesses, now, 6)
guesses.open = guesses.open + 1
return { 'reserved', guesses.round, streak, save_guesses(KEYS[1], guesses, ARGV[5]) }
