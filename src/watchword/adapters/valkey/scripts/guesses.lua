-- A bucket of wrong guesses (core/limit.py): 8 bytes of the term that wrote it, how many guesses are being evaluated,
-- which round of the streak it is, the streak, then the instants in ascending order.
--
-- What lies here under another term counts as absent: the durable store has the truth, and is asked.

local HEAD = '>c8HI4I4'
local HEAD_SIZE = 18

local function read_guesses(text)
  local term, open, round, streak = struct.unpack(HEAD, text)
  local log = {}
  for at = HEAD_SIZE + 1, #text, 8 do
    log[#log + 1] = struct.unpack('>I8', text, at)
  end
  return { term = term, open = open, round = round, streak = streak, log = log }
end

local function pack_guesses(guesses)
  local parts = { struct.pack(HEAD, guesses.term, guesses.open, guesses.round, guesses.streak) }
  for _, at in ipairs(guesses.log) do
    parts[#parts + 1] = struct.pack('>I8', at)
  end
  return table.concat(parts)
end

local function save_guesses(key, guesses, lifetime)
  local text = pack_guesses(guesses)
  redis.call('SET', key, text, 'PX', lifetime)
  return text
end

-- The bucket and its text. `durable` is what the durable store has of it, '' where it was not asked.
local function load_guesses(key, term, durable, lifetime)
  local text = redis.call('GET', key)
  if text and string.sub(text, 1, 8) == term then
    return read_guesses(text), text
  end
  if durable == '' then
    return nil
  end
  text = term .. string.sub(durable, 9)
  redis.call('SET', key, text, 'PX', lifetime)
  return read_guesses(text), text
end

-- How many instants of an ascending log are not after `limit`.
local function until_and_at(log, limit)
  local most = #log
  while most > 0 and log[most] > limit do
    most = most - 1
  end
  return most
end

-- core.limit.guess_wait. `first` is where count and span of each budget begin among the arguments.
local function guess_wait(log, now, first)
  local wait = 0
  for at = first, #ARGV, 2 do
    local count, per = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local credible = until_and_at(log, now + per)
    if credible >= count then
      wait = math.max(wait, log[credible - count + 1] + per - now)
    end
  end
  return wait
end

-- core.limit.note_wrong.
local function note_wrong(guesses, now, first)
  local longest = 0
  for at = first, #ARGV, 2 do
    longest = math.max(longest, tonumber(ARGV[at + 1]))
  end
  local kept = {}
  for at = until_and_at(guesses.log, now - longest) + 1, until_and_at(guesses.log, now + longest) do
    kept[#kept + 1] = guesses.log[at]
  end
  kept[#kept + 1] = now
  table.sort(kept)
  guesses.log = kept
  guesses.streak = guesses.streak + 1
end
