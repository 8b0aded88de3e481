-- Put after accounts.lua. Mirrors shared/domain/quota-room.ts.

-- Where limits stand, from ARGV[first] on, three texts each: account, period (1-3), cap. A table of
-- spent and reserved of each, and what the tightest has unspent and left.
local function room_at(first, count, buckets)
  local room = { unspent = math.huge, left = math.huge }
  for i = first, first + 3 * count - 3, 3 do
    local account = account_at(ARGV[i], buckets)
    local period, cap = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local spent = account[ledgered_at(period)] + account[pending_at(period)]
    local reserved = account[RESERVED]
    room[#room + 1] = spent
    room[#room + 1] = reserved
    room.unspent = math.min(room.unspent, cap - spent)
    room.left = math.min(room.left, cap - spent - reserved)
  end
  return room
end

-- From ARGV[first] to the last: account, number of limits, limits.
local function pool_rooms(first, buckets)
  local pools, i = {}, first
  while i <= #ARGV do
    local count = tonumber(ARGV[i + 1])
    local pool = room_at(i + 2, count, buckets)
    pool.account, pool.place = ARGV[i], #pools + 1
    pools[pool.place] = pool
    i = i + 2 + 3 * count
  end
  return pools
end

local function is_better(a, b)
  if (a.unspent > 0) ~= (b.unspent > 0) then return a.unspent > 0 end
  if a.unspent > 0 then return a.left > b.left end
  return a.unspent > b.unspent
end

-- The first of those with most left; where every one is spent, of those least overspent; or nil.
local function choose_pool(pools)
  local best
  for _, pool in ipairs(pools) do
    if not best or is_better(pool, best) then best = pool end
  end
  return best
end
