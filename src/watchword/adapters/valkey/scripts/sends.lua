-- A bucket of sends: a theoretical arrival time for each of two windows (core.limit.send).

local function read_arrivals(key)
  local text = redis.call('GET', key)
  if text then
    return { struct.unpack('>I8I8', text) }
  end
  return { 0, 0 }
end

local function save_arrivals(key, arrivals, now)
  local left = math.max(arrivals[1], arrivals[2]) - now
  if left > 0 then
    redis.call('SET', key, struct.pack('>I8I8', arrivals[1], arrivals[2]), 'PX', left)
  else
    redis.call('DEL', key)
  end
end

-- The bucket after one send, and how long that would have to wait. Count and span of two windows begin at `first`; the
-- first `most` of them refuse, and the others are left as they are.
local function charged_by(before, now, first, most)
  local after, wait = {}, 0
  for window = 1, 2 do
    local at = first + 2 * (window - 1)
    local count, per = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local arrival = before[window]
    if count > 0 and window <= most then
      local share = math.ceil(per / count)
      if arrival < now or arrival > now + 2 * per then
        arrival = now
      end
      arrival = arrival + share
      wait = math.max(wait, arrival - share * count - now)
    end
    after[window] = arrival
  end
  return after, wait
end

-- The same, with whether it is answered quietly: `loud` is '' where all windows refuse, or how many of them do.
local function charged(key, now, first, loud)
  local before = read_arrivals(key)
  local after, wait = charged_by(before, now, first, 2)
  if wait > 0 and loud ~= '' then
    after, wait = charged_by(before, now, first, tonumber(loud))
    return after, wait, true
  end
  return after, wait, false
end
