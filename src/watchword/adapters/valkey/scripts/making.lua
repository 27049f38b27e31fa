-- Writing a new row with its place in the due list and its idempotency key, all in one partition.
--
-- Keys: the row, the due list, the idempotency key. Arguments from `first` on: the row and its lifetime, when its
-- message is due and under which name, the hash of the request ('' without an idempotency key), the key's lifetime.

local IDEMPOTENT = '>c8c16c16I8'

-- What was made under this idempotency key, or why it may not be used; nil where it is free.
local function made_before(term, now, first)
  local request = ARGV[first + 4]
  if request == '' then
    return nil
  end
  local text = redis.call('GET', KEYS[3])
  if not text then
    return nil
  end
  local wrote, asked, id, created = struct.unpack(IDEMPOTENT, text)
  -- What another term wrote cannot be checked any more, so that repeating the request must make another.
  if wrote ~= term or now - created >= tonumber(ARGV[first + 5]) then
    return nil
  end
  if asked ~= request then
    return { 'reused' }
  end
  local row = redis.call('GET', string.sub(KEYS[1], 1, -17) .. id)
  return row and { 'replayed', row }
end

-- `decoy` has it made as one, whatever its row says: the flags are the last byte of the head's numbers (rows.lua).
local function make(term, now, first, decoy)
  local row, lifetime, due, member = ARGV[first], tonumber(ARGV[first + 1]), ARGV[first + 2], ARGV[first + 3]
  if decoy and math.floor(string.byte(row, 21) / 2) % 2 == 0 then
    row = string.sub(row, 1, 20) .. string.char(string.byte(row, 21) + 2) .. string.sub(row, 22)
  end
  redis.call('SET', KEYS[1], row, 'PX', lifetime)
  redis.call('ZADD', KEYS[2], due, member)
  if redis.call('PTTL', KEYS[2]) < lifetime then
    redis.call('PEXPIRE', KEYS[2], lifetime)
  end
  if ARGV[first + 4] ~= '' then
    local text = struct.pack(IDEMPOTENT, term, ARGV[first + 4], string.sub(KEYS[1], -16), now)
    redis.call('SET', KEYS[3], text, 'PX', ARGV[first + 5])
  end
end
