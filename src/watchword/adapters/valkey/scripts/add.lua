-- VerificationStore.add, where one script reaches everything.
--
-- Keys: row, due list, idempotency key, bucket of guesses, then a bucket of sends each charge.
-- Arguments: term, now, [3-8] what is made (making.lua), [9] the ceiling ('' for a binding), [10] the guesses that the
-- durable store has, [11] their lifetime here, [12] which bucket of sends is quiet (0 for
-- none), [13] how many of its windows are not, [14…] count and span of two windows each charge.
-- Returns: 'made' or 'quiet' (made as a decoy) with both arrival times of each bucket; or why not, as making.lua, 'closed', or 'limited' with the wait.

local term, now = ARGV[1], tonumber(ARGV[2])
local before = made_before(term, now, 3)
if before then
  return before
end
local guesses = load_guesses(KEYS[4], term, ARGV[10], ARGV[11])
if ARGV[9] ~= '' and guesses.streak >= tonumber(ARGV[9]) then
  return { 'closed' }
end
local longest, after, word = 0, {}, 'made'
for number = 5, #KEYS do
  local loud = number - 4 == tonumber(ARGV[12]) and ARGV[13] or ''
  local arrivals, wait, quiet = charged(KEYS[number], now, 14 + 4 * (number - 5), loud)
  after[number] = arrivals
  longest = math.max(longest, wait)
  word = quiet and 'quiet' or word
end
if longest > 0 then
  return { 'limited', longest }
end
for number = 5, #KEYS do
  save_arrivals(KEYS[number], after[number], now)
end
make(term, now, 3, word == 'quiet')
local answer = { word }
for number = 5, #KEYS do
  answer[#answer + 1] = after[number][1]
  answer[#answer + 1] = after[number][2]
end
return answer
