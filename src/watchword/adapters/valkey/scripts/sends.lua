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

-- The bucket after one send, and how long that would have to wait. Count and span of two windows begin at `first`.
local function charged(key, now, first)
  local before, after, wait = read_arrivals(key), {}, 0
  for window = 1, 2 do
    local at = first + 2 * (window - 1)
    local count, per = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local arrival = before[window]
    if count > 0 then
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
