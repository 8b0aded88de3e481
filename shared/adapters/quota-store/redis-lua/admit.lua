-- Mirrors admit of shared/domain/quota-machine.ts. After accounts.lua, reservations.lua,
-- revocations.lua and room.lua.
--
-- KEYS  1 accounts  2 reservations  3 reservation expiry  4 outbox  5 orphans  6 caps  7 revoked
--       8 whole
-- ARGV  1 id  2 nowMs  3 session's field in `revoked`  4 sub  5 issuedAtMs  6 caps version
--       7-9 buckets: day, week, month  10 amount to reserve  11 reserveUntilMs  12 draft
--       13 number n of accounts  14 number m of limits  15 n accounts
--       then m limits of three: account, period (1-3), cap
--       then for each pool: account, number of its limits, its limits as those above
-- Returns
--       {'forgotten'}        the store lost its memory and is not whole again
--       {'revoked'}
--       {'stale', version}   the version of the caps that hold
--       {'blocked' | 'busy' | 'admitted', place, spent, reserved, …}
--           place from 1 of the pool that is meant, 0 for none; two integers for each limit, then
--           for each of that pool's

local outbox, orphans, caps, revoked, whole = KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local id, now = ARGV[1], tonumber(ARGV[2])
local buckets = { ARGV[7], ARGV[8], ARGV[9] }
local amount, accounts_end = ARGV[10], 14 + tonumber(ARGV[13])
local limits = tonumber(ARGV[14])

if redis.call('EXISTS', whole) == 0 then return { 'forgotten' } end
if is_revoked(revoked, ARGV[3], ARGV[4], tonumber(ARGV[5]), now) then return { 'revoked' } end
local version = tonumber(redis.call('HGET', caps, 'version') or '0')
if version ~= tonumber(ARGV[6]) then return { 'stale', version } end

local function answer(outcome, own, pool)
  local numbers = { outcome, pool and pool.place or 0, unpack(own) }
  for _, number in ipairs(pool or {}) do numbers[#numbers + 1] = number end
  return numbers
end

local function refuse(outcome, own, pool)
  keep(changed_lines())
  return answer(outcome, own, pool)
end

-- The pool that a reservation of before is charged to, or nil.
local function held_pool(held, pools)
  for _, pool in ipairs(pools) do
    for i = FIRST_ACCOUNT, #held do
      if held[i] == pool.account then return pool end
    end
  end
end

local own = room_at(accounts_end + 1, limits, buckets)
if own.unspent <= 0 then return refuse('blocked', own) end
local pools = pool_rooms(accounts_end + 3 * limits + 1, buckets)
local pool = choose_pool(pools)
if pool and pool.unspent <= 0 then return refuse('blocked', own, pool) end

local held = reservation_of(id)
if held or redis.call('HEXISTS', outbox, id) == 1 or redis.call('ZSCORE', orphans, id) then
  keep(changed_lines())
  return answer('admitted', own, held_pool(held or {}, pools))
end
if own.left <= 0 or (pool and pool.left <= 0) then return refuse('busy', own, pool) end

local words = { amount, ARGV[11] }
local function reserve(name)
  local account = account_at(name, buckets)
  account[RESERVED] = account[RESERVED] + tonumber(amount)
  changed[name] = true
  words[#words + 1] = name
end
for i = 15, accounts_end do reserve(ARGV[i]) end
if pool then reserve(pool.account) end

local lines = changed_lines()
redis.call('HSET', reservations, id, table.concat(words, ' ') .. '\n' .. ARGV[12])
redis.call('ZADD', expiry, ARGV[11], id)
keep(lines)
return answer('admitted', own, pool)
