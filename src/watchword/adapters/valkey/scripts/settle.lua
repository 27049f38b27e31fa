-- Settle a unit that was reserved: 'wrong' keeps it, 'unused' returns exactly that unit, 'right' returns it and ends
-- the streak that was there when it was reserved.
--
-- A unit that nobody settles, because its process died, stays a wrong guess: that helps nobody who guesses.
-- Keys: the bucket. Arguments: term, now (as it was reserved), [3] what became of it, [4] round and [5] streak as
-- reserved, [6] the lifetime here. Returns the guesses; nil where the bucket is another by now.

local term, now, word = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local guesses = load_guesses(KEYS[1], term, '', '')
if not guesses then
  return nil
end
guesses.open = math.max(0, guesses.open - 1)
if word ~= 'wrong' then
  for at = #guesses.log, 1, -1 do
    if guesses.log[at] == now then
      table.remove(guesses.log, at)
      break
    end
  end
  -- After another's right guess the unit is in no streak any more.
  if guesses.round == tonumber(ARGV[4]) then
    local ended = word == 'right' and tonumber(ARGV[5]) or 0
    guesses.streak = math.max(0, guesses.streak - 1 - ended)
  end
  if word == 'right' then
    guesses.round = guesses.round + 1
  end
end
return save_guesses(KEYS[1], guesses, ARGV[6])
