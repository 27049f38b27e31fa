-- What was made under an idempotency key, or why it may not be used; nil where it is free.
-- Keys: row, due list, idempotency key. Arguments: as make.lua.

return made_before(ARGV[1], tonumber(ARGV[2]), 3)
