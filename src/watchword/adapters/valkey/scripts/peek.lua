-- The bucket of wrong guesses as it is; nil where nobody has loaded it under this term.
-- Keys: the bucket. Arguments: term, [2] the guesses that the durable store has ('' where it was not asked), [3] their
-- lifetime here.

local _, text = load_guesses(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return text
