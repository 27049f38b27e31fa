-- VerificationStore.attempt, where one script reaches row and bucket: core.verification.judge, in one step.
--
-- Keys: the row. The bucket's key follows from the row, which a caller need not read for it.
-- Arguments: term, now, [3] app, [4-9] what was typed (rows.lua), [10] the ceiling, [11] the prefix of our keys, [12] the
-- guesses that the durable store has ('' where it was not asked), [13] their lifetime here, [14…] count and span of each
-- budget.
-- Returns: outcome, how long to wait, row, guesses, and whether a guess was 'wrong' or 'right' after wrong ones.

local term, now = ARGV[1], tonumber(ARGV[2])
local row = redis.call('GET', KEYS[1])
local r = row and read_row(row)
if not r or r.app ~= ARGV[3] then
  return { 'unknown' }
end
if has(r, CODELESS) then
  return { 'codeless', 0, row, '', '' }
end
local ended = over(r, term, now)
if ended then
  return { ended, 0, row, '', '' }
end
local key = ARGV[11] .. r.bucket
local guesses, text = load_guesses(key, term, ARGV[12], ARGV[13])
if not guesses then
  return { 'cold', 0, row, '', '' }
end
if not has(r, BINDING) and guesses.streak >= tonumber(ARGV[10]) then
  return { 'closed', 0, row, text, '' }
end
local wait = guess_wait(guesses.log, now, 14)
if wait > 0 then
  return { 'limited', wait, row, text, '' }
end
local outcome, changed, guessed = evaluate(KEYS[1], row, r, read_typed(4))
local noted = ''
if guessed then
  note_wrong(guesses, now, 14)
  noted = 'wrong'
elseif outcome ~= 'mismatch' and guesses.streak > 0 then
  guesses.streak, guesses.round = 0, guesses.round + 1
  noted = 'right'
end
if noted ~= '' then
  text = save_guesses(key, guesses, ARGV[13])
end
return { outcome, 0, changed, text, noted }
