-- Forget one bucket: sends are as new, and wrong guesses are loaded again from the durable store.
-- Keys: the bucket. Arguments: term.

return redis.call('DEL', KEYS[1])
