-- End a streak of wrong guesses, after what was right elsewhere.
-- Keys: the bucket. Arguments: term, [2] the lifetime here. Where it is not loaded under this term, nothing is there to end.

local guesses = load_guesses(KEYS[1], ARGV[1], '', '')
if guesses and guesses.streak > 0 then
  guesses.streak, guesses.round = 0, guesses.round + 1
  save_guesses(KEYS[1], guesses, ARGV[2])
end
return 1
