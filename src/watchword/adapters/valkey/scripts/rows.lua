-- The head of a verification's row, which is all that a check reads and changes of it; what follows is the row as a
-- whole, which no script looks into (row.py).

local OVER = { A = 'used', X = 'exhausted', L = 'canceled', F = 'failed' }

local function read_row(row)
  local r = {}
  r.term, r.status, r.attempts, r.most, r.expires, r.digits, r.flags, r.bucket, r.purpose, r.address, r.action =
    struct.unpack('>c8c1HHI6BBBc0Bc0Bc0Bc0', row)
  r.app = string.sub(r.bucket, 3, 18)
  return r
end

local function has(r, bit)
  return math.floor(r.flags / bit) % 2 == 1
end

-- How a verification is over; nil where it is not. One that another term wrote is over: an approval may be lost.
local function over(r, term, now)
  if OVER[r.status] then
    return OVER[r.status]
  end
  if r.term ~= term or now >= r.expires then
    return 'expired'
  end
  return nil
end

local BINDING, DECOY, CODELESS = 1, 2, 4
local GRANTED = { A = 'approved', C = 'confirmed' }

-- What a check says, as arguments from `first` on: length of the code, '1' where it matches, the purpose, address and
-- action expected, and which status a right code comes to.
local function read_typed(first)
  return {
    digits = tonumber(ARGV[first]),
    matches = ARGV[first + 1] == '1',
    purpose = ARGV[first + 2],
    address = ARGV[first + 3],
    action = ARGV[first + 4],
    grants = ARGV[first + 5],
  }
end

local function as_expected(r, typed)
  return (typed.purpose == '' or typed.purpose == r.purpose)
    and (typed.address == '' or typed.address == r.address)
    and typed.action == r.action
end

-- core.verification.judge, after status and budgets: the outcome, the row as it is now, and whether a guess was wrong.
local function evaluate(key, row, r, typed)
  local status, attempts, outcome, guessed = r.status, r.attempts, 'mismatch', false
  if typed.grants == 'A' and not as_expected(r, typed) then
    attempts = attempts + 1
  elseif typed.matches and typed.digits == r.digits and not has(r, DECOY) then
    status, outcome = typed.grants, GRANTED[typed.grants]
  else
    attempts, guessed = attempts + 1, true
  end
  if outcome == 'mismatch' and attempts >= r.most then
    status = 'X'
  end
  row = string.sub(row, 1, 8) .. struct.pack('>c1H', status, attempts) .. string.sub(row, 12)
  redis.call('SET', key, row, 'KEEPTTL')
  return outcome, row, guessed
end
