-- VerificationStore.attempt, where one script reaches row and bucket: core.verification.judge, in one step.
--
-- Keys: the row. The bucket's key follows from the row, which a caller need not read for it.
-- Arguments: term, now, [3] app, [4] digits, [5] '1' where the code matches, [6] purpose and [7] address expected,
-- [8] the ceiling, [9] the prefix of our keys, [10] the guesses that the durable store has ('' where it was not asked),
-- [11] their lifetime here, [12…] count and span of each budget.
-- Returns: outcome, how long to wait, row, guesses, and whether a guess was 'wrong' or 'right' after wrong ones.

local term, now = ARGV[1], tonumber(ARGV[2])
local row = redis.call('GET', KEYS[1])
local r = row and read_row(row)
if not r or r.app ~= ARGV[3] then
  return { 'unknown' }
end
local ended = over(r, term, now)
if ended then
  return { ended, 0, row, '', '' }
end
local key = ARGV[9] .. r.bucket
local guesses, text = load_guesses(key, term, ARGV[10], ARGV[11])
if not guesses then
  return { 'cold', 0, row, '', '' }
end
if not has(r, 1) and guesses.streak >= tonumber(ARGV[8]) then
  return { 'closed', 0, row, text, '' }
end
local wait = guess_wait(guesses.log, now, 12)
if wait > 0 then
  return { 'limited', wait, row, text, '' }
end
local typed = { digits = tonumber(ARGV[4]), matches = ARGV[5] == '1', purpose = ARGV[6], address = ARGV[7] }
local outcome, changed, guessed = evaluate(KEYS[1], row, r, typed)
local noted = ''
if guessed then
  note_wrong(guesses, now, 12)
  noted = 'wrong'
elseif outcome == 'approved' and guesses.streak > 0 then
  guesses.streak = 0
  noted = 'right'
end
if noted ~= '' then
  text = save_guesses(key, guesses, ARGV[11])
end
return { outcome, 0, changed, text, noted }
