-- Mirrors settle of shared/domain/quota-machine.ts. After accounts.lua and reservations.lua.
--
-- KEYS  1 accounts  2 reservations  3 reservation expiry  4 outbox  5 outbox time  6 orphans
-- ARGV  1 id  2 nowMs  3 chargedAtMs  4-6 buckets of it: day, week, month  7 amount
--       8 until when an orphan's second settlement is refused, in epoch ms; '' when it is none
--       9 event  10… accounts
-- Returns 'settled' or 'duplicate'
--
-- The first write is one that Redis refuses when it is full (OOM), so nothing is left half done.

local outbox, outbox_time, orphans = KEYS[4], KEYS[5], KEYS[6]
local id, now, amount, orphan_until = ARGV[1], ARGV[2], ARGV[7], ARGV[8]
local buckets = { ARGV[4], ARGV[5], ARGV[6] }

if redis.call('HEXISTS', outbox, id) == 1 then return 'duplicate' end
local refused_until = redis.call('ZSCORE', orphans, id)
if refused_until and tonumber(refused_until) > tonumber(now) then return 'duplicate' end

local held = reservation_of(id)
if held then change_reserved(held, -tonumber(held[AMOUNT])) end
local words = { amount, ARGV[3], now, ARGV[4], ARGV[5], ARGV[6] }
for i = 10, #ARGV do
  local account = account_at(ARGV[i], buckets)
  for period = 1, 3 do
    if account[period] == buckets[period] then
      local pending = pending_at(period)
      account[pending] = account[pending] + tonumber(amount)
      changed[ARGV[i]] = true
    end
  end
  words[#words + 1] = ARGV[i]
end

local lines = changed_lines()
redis.call('HSET', outbox, id, table.concat(words, ' ') .. '\n' .. ARGV[9])
redis.call('ZADD', outbox_time, now, id)
if held then drop_reservation(id) end
keep(lines)
if orphan_until ~= '' then redis.call('ZADD', orphans, orphan_until, id) end
return 'settled'
